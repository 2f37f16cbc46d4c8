//! The console: a page on which people try the service with a picture or their camera.

use crate::pages::Page;
use crate::routes::CONSOLE;

/// Files of the console, by their names on disk.
macro_rules! pages {
    ($($name:literal)*) => {
        [
            Page::new(CONSOLE, include_str!("console/console.html")),
            $(Page::new(concat!("/console/", $name), include_str!(concat!("console/", $name)))),*
        ]
    };
}

/// The page and every file that it loads.
pub(crate) const PAGES: [Page; 23] = pages! {
    "theme.css" "console.css" "result.css" "stage.css" "icon.svg" "theme.js" "console.js"
    "ask.js" "booth.js" "camera.js" "credentials.js" "curl.js" "draw.js" "element.js"
    "explain.js" "format.js" "gauge.js" "live.js" "picture.js" "problems.js" "show.js"
    "tabs.js"
};
