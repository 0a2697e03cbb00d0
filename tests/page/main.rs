//! The page in a real browser: headless Chromium, driven by `page.mjs` through playwright-core from npm.
//!
//! The lab runs in this process; the script fetches what it needs with npm once, into the folder for build output.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;

use rootwalk::lab::Lab;
use rootwalk::run;

/// Starts a lab in this process and returns where its page is.
fn lab() -> String {
    let lab = Lab::embedded(run::unix_secs()).unwrap();
    let mut settings = run::lab_settings(&lab);
    settings.server.listen = vec!["127.0.0.1:0".parse().unwrap()];
    settings.http.listen = vec!["127.0.0.1:0".parse().unwrap()];
    let (told, ready) = mpsc::channel();
    // It runs for as long as this process.
    std::thread::spawn(move || {
        let tell = |listening: &run::Listening<'_>| told.send(listening.http[0]).unwrap();
        run::lab(&lab, &run::Stage::default(), &settings, |_| Ok(settings.clone()), tell).unwrap();
    });
    format!("http://{}", ready.recv().unwrap())
}

/// A folder with the packages that the script needs.
fn packages() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    let wanted = std::fs::read_to_string(here.join("package.json")).unwrap();
    let known = std::fs::read_to_string(folder.join("package.json")).unwrap_or_default();
    if wanted != known || !folder.join("node_modules/axe-core/axe.min.js").exists() {
        std::fs::write(folder.join("package.json"), wanted).unwrap();
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
        let installed = npm.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").status();
        assert!(installed.expect("npm is needed: ./test installs it").success(), "npm cannot install {folder:?}");
    }
    std::fs::copy(here.join("page.mjs"), folder.join("page.mjs")).unwrap();
    folder
}

#[test]
fn the_page_does_what_it_says() {
    let mut node = Command::new("node");
    node.arg("page.mjs").arg(lab()).current_dir(packages());
    if let Some(folder) = std::env::var_os("SCREENSHOTS") {
        node.env("SCREENSHOTS", std::path::absolute(folder).unwrap());
    }
    assert!(node.status().expect("node is needed: ./test installs it").success());
}
