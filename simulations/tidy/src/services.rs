//! What every service brings.

use std::collections::BTreeSet;

use crate::fault::Fault;
use crate::file::File;

/// Where workloads have their names: what is not there is never run.
const CATALOGUE: &str = "simulations/src/workloads/catalogue.rs";

/// Finds services without contents, contract, golden transcript or workload.
pub fn incomplete_services(files: &[File]) -> Vec<Fault> {
    let paths: BTreeSet<&str> = files.iter().map(|it| it.path.as_str()).collect();
    let services: BTreeSet<&str> = paths.iter().copied().filter_map(service).collect();
    let catalogue = files.iter().find(|it| it.path == CATALOGUE);
    let mut faults = Vec::new();
    for service in services {
        let folder = format!("actors/src/{service}");
        let mut miss = |what: String| faults.push(Fault::new(&folder, 1, "service", what));
        let needed = [
            format!("{folder}/mod.rs"),
            format!("{folder}/api.rs"),
            format!("simulations/src/workloads/{service}.rs"),
        ];
        for path in needed.into_iter().filter(|it| !paths.contains(it.as_str())) {
            miss(format!("{path} is missing"));
        }
        let named = format!("\"{service}\"");
        if catalogue.is_some_and(|it| !it.text.contains(&named)) {
            miss(format!("{CATALOGUE} does not name {named}"));
        }
        let golden = format!("actors/golden/{service}/");
        if !files.iter().any(|it| it.path.starts_with(&golden) && it.has_extension("txt")) {
            miss(format!("{golden} holds no transcript (.txt)"));
        }
    }
    faults
}

fn service(path: &str) -> Option<&str> {
    Some(path.strip_prefix("actors/src/")?.split_once('/')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [&str; 4] = [
        "actors/golden/chat/hold.txt",
        "actors/src/chat/api.rs",
        "actors/src/chat/mod.rs",
        "simulations/src/workloads/chat.rs",
    ];

    #[test]
    fn whole_service_passes() {
        let paths = WHOLE.iter().chain(["actors/src/lib.rs"].iter());
        let files: Vec<File> = paths.map(|it| File::new(it, "")).collect();
        assert_eq!(incomplete_services(&files), []);
    }

    #[test]
    fn workload_that_is_never_run_is_found() {
        for (names, expected) in [("\"chat\", \"bank\"", 0), ("\"bank\", \"chats\"", 1)] {
            let mut files: Vec<File> = WHOLE.iter().map(|it| File::new(it, "")).collect();
            files.push(File::new(CATALOGUE, &format!("const NAMES: [&str; 2] = [{names}];")));
            assert_eq!(incomplete_services(&files).len(), expected, "{names}");
        }
    }

    #[test]
    fn each_missing_part_is_found() {
        for missing in WHOLE {
            let paths = WHOLE.iter().filter(|it| **it != missing);
            let files: Vec<File> = paths.map(|it| File::new(it, "")).collect();
            let faults = incomplete_services(&files);
            assert_eq!(faults.len(), 1, "without {missing}");
            assert_eq!(faults[0].path, "actors/src/chat");
        }
    }
}
