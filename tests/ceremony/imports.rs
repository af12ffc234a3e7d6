//! Checks the layers of the source: imports point downward, and no files import each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, iter};

use crate::documentation::{files, root};

/// The files that are not modules of the full library: the main files of both programs, and the offline build's
/// replacement of `cli::cloud`. The tests leave out these files.
const NOT_READ: [&str; 3] = ["main.rs", "offline.rs", "cli/offline.rs"];

/// The only module of the library whose code is for tests.
const TEST_CODE: &str = "gate::fake";

/// Returns the code of every source file, without comments and unit tests. The key is the file's path in `src`.
fn sources() -> BTreeMap<PathBuf, String> {
    let src = root().join("src");
    let relative = |path: &PathBuf| path.strip_prefix(&src).unwrap().to_owned();
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let code: String =
            text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
        code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
    };
    let all = files(&src, "rs").into_iter().map(|path| (relative(&path), read(&path)));
    all.filter(|(path, _)| !NOT_READ.iter().any(|not| path == Path::new(not))).collect()
}

/// Returns the module of a file: `vault::payload` for `vault/payload/mod.rs`, and an empty text for the crate's root.
fn module(path: &Path) -> String {
    let path = path.with_extension("");
    let names = path.iter().map(|name| name.to_str().unwrap());
    names.filter(|name| !["mod", "lib"].contains(name)).collect::<Vec<_>>().join("::")
}

/// Returns the layers from top to bottom, as listed in docs/architecture.md.
fn layers() -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let section = page.split("\n## Layers\n").nth(1).expect("the page should have a section about layers");
    let list = section.split("```").nth(1).expect("the section should have a list of layers");
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    names.map(|name| name.trim_end_matches(".rs").trim_end_matches('/').to_owned()).collect()
}

#[test]
fn imports_point_downward_only() {
    let layers = layers();
    let place = |name: &str| layers.iter().position(|layer| layer == name);
    let (mut count, mut wrong) = (0, Vec::new());
    for (path, code) in sources() {
        let module = module(&path);
        if module.is_empty() {
            continue;
        }
        let here = place(module.split("::").next().unwrap());
        for rest in code.split("crate::").skip(1) {
            let used = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            count += 1;
            if here.is_none() || here > place(used) {
                wrong.push(format!("{module} imports {used}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "every import should point downward in the list of layers, but these do not: {wrong:#?}"
    );
    assert!(count > 500, "more than 500 imports should be found in the source, not {count}");
}

/// A module. `uses` has the absolute paths in the module's code. `exports` maps the name of each re-exported item to
/// the item's path.
#[derive(Default)]
struct Module {
    uses: Vec<String>,
    exports: BTreeMap<String, String>,
}

/// Returns every path in `code` that begins with `crate`, `super`, `self` or a child module of `module`, written as a
/// path from the crate's root.
fn paths(module: &str, code: &str, modules: &BTreeSet<String>) -> Vec<String> {
    let absolute = |path: &str| {
        let mut names = path.split("::").filter(|name| !name.is_empty()).peekable();
        let mut base: Vec<_> = module.split("::").filter(|name| !name.is_empty()).collect();
        match *names.peek()? {
            "crate" => base.clear(),
            "super" | "self" => {}
            child if modules.contains(&[&base[..], &[child]].concat().join("::")) => {}
            _ => return None,
        }
        for name in names {
            match name {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                name => base.push(name),
            }
        }
        Some(base.join("::"))
    };
    let (mut found, mut group) = (Vec::new(), String::new());
    for piece in code.split_inclusive(|c: char| !c.is_alphanumeric() && !"_:".contains(c)) {
        let token = piece.trim_end_matches(|c: char| !c.is_alphanumeric() && !"_:".contains(c));
        if token.ends_with("::") && piece.ends_with('{') {
            token.clone_into(&mut group);
            continue;
        }
        let path = format!("{group}{token}");
        if !token.is_empty() && path.contains("::") {
            found.extend(absolute(&path));
        }
        if piece.ends_with('}') {
            group.clear();
        }
    }
    found
}

fn modules() -> BTreeMap<String, Module> {
    let sources: BTreeMap<_, _> = sources()
        .into_iter()
        .map(|(path, code)| (module(&path), code))
        .filter(|(m, _)| !m.is_empty())
        .collect();
    let names: BTreeSet<_> = sources.keys().cloned().collect();
    let is_export = |statement: &&str| {
        let before = statement.rsplit_once("use ").map_or("", |(before, _)| before.trim_end());
        before.ends_with("pub") || before.lines().last().is_some_and(|line| line.trim().starts_with("pub("))
    };
    let of = |(name, code): (&String, &String)| {
        let (exports, uses): (Vec<_>, Vec<_>) = code.split_inclusive(';').partition(is_export);
        // The path in a visibility such as `pub(in crate::a)` is not an import.
        let uses = uses.concat();
        let uses: String = uses
            .split("pub(in ")
            .enumerate()
            .map(|(place, part)| if place == 0 { part } else { part.split_once(')').unwrap().1 })
            .collect();
        let exports = paths(name, &exports.concat(), &names).into_iter();
        let exports = exports.map(|path| (path.rsplit("::").next().unwrap().to_owned(), path)).collect();
        (name.clone(), Module { uses: paths(name, &uses, &names), exports })
    };
    sources.iter().map(of).collect()
}

/// Returns the module that defines the item at `path`. Follows re-exports.
fn definer(path: &str, modules: &BTreeMap<String, Module>, depth: u8) -> Option<String> {
    let mut ends = iter::once(path.len()).chain(path.rmatch_indices("::").map(|(end, _)| end));
    let (name, module) = ends.find_map(|end| modules.get_key_value(&path[..end]))?;
    let rest = path[name.len()..].trim_start_matches("::");
    let (item, rest) = rest.split_once("::").unwrap_or((rest, ""));
    match module.exports.get(item).filter(|_| depth > 0) {
        Some(export) => definer(&format!("{export}::{rest}"), modules, depth - 1),
        None => Some(name.clone()),
    }
}

/// Returns the modules that `from` imports, directly or through other modules.
fn reached<'a>(from: &str, imports: &'a BTreeMap<&str, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = next.pop() {
        let new = imports[module.as_str()].iter().filter(|used| reached.insert(used.as_str()));
        next.extend(new.cloned());
    }
    reached
}

#[test]
fn no_files_import_each_other() {
    let modules = modules();
    let imports: BTreeMap<&str, BTreeSet<String>> = modules
        .iter()
        .map(|(name, module)| {
            let used = module.uses.iter().filter_map(|path| definer(path, &modules, 8));
            (name.as_str(), used.filter(|used| used != name).collect())
        })
        .collect();
    assert!(
        imports.values().map(BTreeSet::len).sum::<usize>() > 500,
        "more than 500 imports should be found in the source"
    );
    let in_circles: Vec<_> = imports.keys().filter(|name| reached(name, &imports).contains(*name)).collect();
    let new = |name: &&&str| !name.starts_with(TEST_CODE) && !name.ends_with("::tests");
    let new: Vec<_> = in_circles.into_iter().filter(new).collect();
    assert!(new.is_empty(), "no modules should import each other, but these do: {new:?}");
}
