//! Finds files of a crate that need each other, from the paths that their code names.
//!
//! A path is followed to the file that defines its item, through re-exports. A child module may use
//! its parent. Code for tests only is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemUse, Macro, UseTree};

/// A module's path below its crate; empty for the crate's root.
type Module = Vec<String>;

/// What one file names.
#[derive(Default)]
struct Names {
    /// Of each `use`: the path, and the name that it brings (`*` for all names).
    imports: Vec<(Vec<String>, String)>,
    /// Every other path of two segments or more.
    paths: Vec<Vec<String>>,
    /// Items that the file defines.
    items: BTreeSet<String>,
}

/// The rings below `src`: files that need each other, each file as its module path.
pub(super) fn rings(src: &Path) -> Vec<Vec<String>> {
    let mut files = BTreeMap::new();
    read(src, &Vec::new(), &mut files);
    let mut uses: BTreeMap<Module, BTreeSet<Module>> =
        files.keys().map(|module| (module.clone(), used_by(module, &files))).collect();
    through_children(&mut uses);
    let names: Vec<String> = uses.keys().map(|module| display(module)).collect();
    let mut graph: DiGraphMap<usize, ()> = DiGraphMap::new();
    for (module, used) in &uses {
        for target in used.iter().filter(|target| !is_parent(target, module)) {
            let index = |module: &Module| uses.keys().position(|key| key == module).unwrap();
            graph.add_edge(index(module), index(target), ());
        }
    }
    let rings = tarjan_scc(&graph).into_iter().filter(|ring| ring.len() > 1);
    rings.map(|ring| sorted(ring.into_iter().map(|file| names[file].clone()))).collect()
}

fn sorted(files: impl Iterator<Item = String>) -> Vec<String> {
    files.collect::<BTreeSet<_>>().into_iter().collect()
}

fn display(module: &[String]) -> String {
    if module.is_empty() { "crate".to_owned() } else { module.join("::") }
}

fn is_parent(parent: &[String], child: &[String]) -> bool {
    child.split_last().is_some_and(|(_, above)| above == parent)
}

/// A file that uses a child module needs the child's parent too, where the child does.
fn through_children(uses: &mut BTreeMap<Module, BTreeSet<Module>>) {
    loop {
        let mut added = Vec::new();
        for (child, parent) in
            uses.iter().flat_map(|(user, used)| used.iter().map(move |u| (user, u)))
        {
            if !is_parent(parent, child) {
                continue;
            }
            let outside = uses.iter().filter(|(user, used)| {
                used.contains(child) && !user.starts_with(parent) && !used.contains(parent)
            });
            added.extend(outside.map(|(user, _)| (user.clone(), parent.clone())));
        }
        if added.is_empty() {
            return;
        }
        for (user, parent) in added {
            uses.get_mut(&user).unwrap().insert(parent);
        }
    }
}

/// Reads every module below `directory`, whose own module is `above`.
fn read(directory: &Path, above: &Module, files: &mut BTreeMap<Module, Names>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let mut module = above.clone();
        if path.is_dir() {
            module.push(name);
            read(&path, &module, files);
        } else if path.extension().is_some_and(|kind| kind == "rs") && name != "tests" {
            if !matches!(name.as_str(), "lib" | "main" | "mod") {
                module.push(name);
            }
            let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            files.entry(module).or_default().visit_file(&file);
        }
    }
}

/// The other files that the file of `module` names.
fn used_by(module: &Module, files: &BTreeMap<Module, Names>) -> BTreeSet<Module> {
    let names = &files[module];
    let imported = names.imports.iter().map(|(path, _)| absolute(module, path, files));
    let in_code = names.paths.iter().filter(|path| path.len() > 1).map(|path| {
        absolute(module, path, files).or_else(|| {
            // It begins with the name of a module that is imported.
            let (first, rest) = path.split_first()?;
            let (import, _) = names.imports.iter().find(|(_, name)| name == first)?;
            let import = absolute(module, import, files).filter(|path| files.contains_key(path))?;
            Some([import, rest.to_vec()].concat())
        })
    });
    let used = imported.chain(in_code).flatten().map(|path| defined_in(&path, files, &mut vec![]));
    used.filter(|used| used != module).collect()
}

/// `path`, which stands in the file of `module`, from the crate's root; none if it leads elsewhere.
fn absolute(
    module: &Module,
    path: &[String],
    files: &BTreeMap<Module, Names>,
) -> Option<Vec<String>> {
    let mut base = module.clone();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => return Some(rest[1..].to_vec()),
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|segment| segment == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        child => {
            base.push(child.to_owned());
            if !files.contains_key(&base) {
                return None;
            }
            rest = &rest[1..];
        }
    }
    base.extend_from_slice(rest);
    Some(base)
}

/// The module whose file defines what `path` names, through re-exports.
fn defined_in(
    path: &[String],
    files: &BTreeMap<Module, Names>,
    followed: &mut Vec<(Module, String)>,
) -> Module {
    let depth = (0..=path.len()).rev().find(|depth| files.contains_key(&path[..*depth])).unwrap();
    let (module, rest) = (path[..depth].to_vec(), &path[depth..]);
    let Some((name, below)) = rest.split_first() else { return module };
    let names = &files[&module];
    let step = (module.clone(), name.clone());
    if names.items.contains(name) || followed.contains(&step) {
        return module;
    }
    followed.push(step);
    let by_name = names.imports.iter().filter(|(_, import)| import == name);
    let mut targets = by_name.filter_map(|(path, _)| absolute(&module, path, files));
    if let Some(target) = targets.next() {
        return defined_in(&[&target, below].concat(), files, followed);
    }
    let all = names.imports.iter().filter(|(_, import)| import == "*");
    let globs = all.filter_map(|(path, _)| absolute(&module, path, files));
    for target in globs {
        if files.get(&target).is_some_and(|names| names.items.contains(name)) {
            return target;
        }
    }
    module
}

impl Names {
    fn import(&mut self, above: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [above, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(above, tree)),
            UseTree::Glob(_) => self.imports.push((above.to_vec(), "*".to_owned())),
            UseTree::Name(name) if name.ident == "self" => {
                self.imports.push((above.to_vec(), above.last().unwrap().clone()));
            }
            UseTree::Name(name) => self.imports.push((with(&name.ident), name.ident.to_string())),
            UseTree::Rename(rename) if rename.ident == "self" => {
                self.imports.push((above.to_vec(), rename.rename.to_string()));
            }
            UseTree::Rename(rename) => {
                self.imports.push((with(&rename.ident), rename.rename.to_string()));
            }
        }
    }

    /// Paths in what a macro gets, which is no syntax tree.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 {
                        self.paths.push(std::mem::take(&mut path));
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.read_tokens(group.stream());
                    self.paths.push(std::mem::take(&mut path));
                }
                // `#[serde(with = "crate::module")]`
                TokenTree::Literal(text) => {
                    let text = text.to_string();
                    let named: Result<syn::Path, _> = syn::parse_str(text.trim_matches('"'));
                    self.paths.extend(named.map(|named| segments(&named)));
                }
                TokenTree::Punct(_) => self.paths.push(std::mem::take(&mut path)),
            }
        }
        self.paths.push(path);
    }
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

/// The attributes of an item, and its name where other files can use it by one.
fn attributes_and_name(item: &Item) -> (&[Attribute], Option<&syn::Ident>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Impl(item) => (&item.attrs, None),
        Item::Mod(item) => (&item.attrs, None),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = attributes_and_name(item);
        if is_for_tests(attributes) {
            return;
        }
        self.items.extend(name.map(ToString::to_string));
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.paths.push(segments(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.read_tokens(invocation.tokens.clone());
        visit::visit_macro(self, invocation);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if !attribute.path().is_ident("doc")
            && let Ok(list) = attribute.meta.require_list()
        {
            self.read_tokens(list.tokens.clone());
        }
    }
}

fn written(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let src = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = src.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    rings(src.path())
}

#[test]
fn a_ring_is_found_through_re_exports_macros_and_children() {
    let root = ("lib.rs", "mod a; mod b; mod c; pub use b::B;");
    let re_exported =
        [root, ("a.rs", "use crate::B; pub struct A;"), ("b.rs", "pub struct B(super::a::A);")];
    assert_eq!(written(&re_exported), [["a", "b"]]);
    let in_a_macro = [
        root,
        ("a.rs", "fn f() { println!(\"{}\", crate::b::g()); }"),
        ("b.rs", "fn g() { crate::a::f() }"),
    ];
    assert_eq!(written(&in_a_macro), [["a", "b"]]);
    let through_a_child = [
        root,
        ("a.rs", "mod child; use crate::b::B;"),
        ("a/child.rs", "use super::f;"),
        ("b.rs", "use crate::a::child::g; pub struct B;"),
    ];
    assert_eq!(written(&through_a_child), [["a", "b"]]);
}

#[test]
fn a_child_may_use_its_parent_and_tests_may_use_all() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "mod child; use child::C; struct A;"),
        ("a/child.rs", "use super::A; pub struct C; #[cfg(test)] mod tests { use crate::b::B; }"),
        ("b.rs", "use crate::a::C; // crate::a::A"),
    ];
    assert_eq!(written(&files), Vec::<Vec<String>>::new());
}
