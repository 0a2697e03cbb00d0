//! The files of `zones/`, compiled in so that the lab runs from any directory. A test keeps the table complete.

macro_rules! zone_files {
    ($($folder:literal: $($file:literal)*;)*) => {
        &[$($((
            concat!($folder, $file),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/zones/", $folder, $file)),
        ),)*)*]
    };
}

/// Path below `zones/` and text.
pub(super) const FILES: &[(&str, &str)] = zone_files! {
    "":
        "lab.toml" "root.zone";
    "cdn/":
        "example-brand.com.zone" "example-cdn.net.zone" "example-dns.net.zone" "example-dns.org.zone"
        "example-edge.com.zone" "example-hosts.net.zone" "example-lb.org.zone";
    "healthy/":
        "0-26.80.53.127.in-addr.arpa.zone" "53.127.in-addr.arpa.zone" "example.com.zone" "example.net.zone"
        "example.org.zone" "shop.example.com.zone";
    "keys/":
        "lab-only-rsa2048.private";
    "tld/":
        "arpa.zone" "com.zone" "lab.zone" "net.zone" "org.zone";
    "web/":
        "web.lab.zone";
    "web/shop/":
        "products.sql" "style.css";
    "web/www/":
        "index.html" "style.css" "tree.svg";
    "zoo/":
        "bogus.zone" "case.zone" "chain.zone" "chain8.zone" "chain8b.zone" "chain8c.zone" "cookies.zone" "cyclea.zone"
        "cycleb.zone" "dead.zone" "ds.zone" "ent.zone" "expired.zone" "halfdead.zone" "hashes.zone" "ignoresedns.zone"
        "iterations.zone" "keys.zone" "keytrap.zone" "lame.zone" "loop.zone" "lossy.zone" "nodenial.zone" "noedns.zone"
        "nokey.zone" "nosig.zone" "notcp.zone" "notyet.zone" "nxns.zone" "opt-out.zone" "poison.zone" "rebind.zone"
        "refused.zone" "selfglue.zone" "servfail.zone" "signatures.zone" "slow.zone" "truncated.zone" "unknownalg.zone"
        "unsigned.opt-out.zone" "upward.zone" "validations-end.zone" "validations-even.zone" "validations-odd.zone"
        "validations.zone" "victim.zone" "wildcard.zone" "wrongid.zone" "wrongquestion.zone";
};

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn the_table_is_complete() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("zones");
        let on_disk = files_below(&root).into_iter().filter(|path| path.extension().is_none_or(|kind| kind != "md"));
        let mut on_disk: Vec<String> =
            on_disk.map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect();
        on_disk.sort();
        let mut embedded: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        embedded.sort_unstable();
        assert_eq!(embedded, on_disk);
    }
}
