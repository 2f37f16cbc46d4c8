//! The console: a page on which people try the service with a picture or their camera. Its files are HTML, CSS and
//! JavaScript as browsers take them, built into the binary.

use crate::pages::Page;

/// A file of the console, called as it is on disk.
macro_rules! asset {
    ($kind:ident, $name:literal) => {
        Page::$kind(concat!("/console/", $name), include_str!(concat!("console/", $name)))
    };
}

/// The page and all that it loads.
pub(crate) const PAGES: [Page; 23] = [
    Page::html("/console", include_str!("console/console.html")),
    asset!(css, "theme.css"),
    asset!(css, "console.css"),
    asset!(css, "result.css"),
    asset!(css, "stage.css"),
    asset!(svg, "icon.svg"),
    asset!(js, "theme.js"),
    asset!(js, "console.js"),
    asset!(js, "ask.js"),
    asset!(js, "booth.js"),
    asset!(js, "camera.js"),
    asset!(js, "credentials.js"),
    asset!(js, "curl.js"),
    asset!(js, "draw.js"),
    asset!(js, "element.js"),
    asset!(js, "explain.js"),
    asset!(js, "format.js"),
    asset!(js, "gauge.js"),
    asset!(js, "live.js"),
    asset!(js, "picture.js"),
    asset!(js, "problems.js"),
    asset!(js, "show.js"),
    asset!(js, "tabs.js"),
];

/// Whether `path` is the console's, where it is switched on.
pub(crate) fn is_console(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}
