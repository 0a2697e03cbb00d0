//! The files of `zones/`, compiled in so that the lab runs from any directory. A test keeps the table complete.

macro_rules! zone_file {
    ($path:literal) => {
        ($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/zones/", $path)))
    };
}

/// Path below `zones/` and text.
pub(super) const FILES: &[(&str, &str)] = &[
    zone_file!("cdn/example-brand.com.zone"),
    zone_file!("cdn/example-cdn.net.zone"),
    zone_file!("cdn/example-dns.net.zone"),
    zone_file!("cdn/example-dns.org.zone"),
    zone_file!("cdn/example-edge.com.zone"),
    zone_file!("cdn/example-hosts.net.zone"),
    zone_file!("cdn/example-lb.org.zone"),
    zone_file!("healthy/0-26.80.53.127.in-addr.arpa.zone"),
    zone_file!("healthy/53.127.in-addr.arpa.zone"),
    zone_file!("healthy/example.com.zone"),
    zone_file!("healthy/example.net.zone"),
    zone_file!("healthy/example.org.zone"),
    zone_file!("healthy/shop.example.com.zone"),
    zone_file!("keys/lab-only-rsa2048.private"),
    zone_file!("lab.toml"),
    zone_file!("root.zone"),
    zone_file!("tld/arpa.zone"),
    zone_file!("tld/com.zone"),
    zone_file!("tld/lab.zone"),
    zone_file!("tld/net.zone"),
    zone_file!("tld/org.zone"),
    zone_file!("web/shop/products.sql"),
    zone_file!("web/shop/style.css"),
    zone_file!("web/web.lab.zone"),
    zone_file!("web/www/index.html"),
    zone_file!("web/www/style.css"),
    zone_file!("web/www/tree.svg"),
    zone_file!("zoo/bogus.zone"),
    zone_file!("zoo/case.zone"),
    zone_file!("zoo/chain.zone"),
    zone_file!("zoo/chain8.zone"),
    zone_file!("zoo/chain8b.zone"),
    zone_file!("zoo/chain8c.zone"),
    zone_file!("zoo/cookies.zone"),
    zone_file!("zoo/cyclea.zone"),
    zone_file!("zoo/cycleb.zone"),
    zone_file!("zoo/dead.zone"),
    zone_file!("zoo/ds.zone"),
    zone_file!("zoo/ent.zone"),
    zone_file!("zoo/expired.zone"),
    zone_file!("zoo/halfdead.zone"),
    zone_file!("zoo/hashes.zone"),
    zone_file!("zoo/ignoresedns.zone"),
    zone_file!("zoo/iterations.zone"),
    zone_file!("zoo/keys.zone"),
    zone_file!("zoo/keytrap.zone"),
    zone_file!("zoo/lame.zone"),
    zone_file!("zoo/loop.zone"),
    zone_file!("zoo/lossy.zone"),
    zone_file!("zoo/nodenial.zone"),
    zone_file!("zoo/noedns.zone"),
    zone_file!("zoo/nokey.zone"),
    zone_file!("zoo/nosig.zone"),
    zone_file!("zoo/notcp.zone"),
    zone_file!("zoo/notyet.zone"),
    zone_file!("zoo/nxns.zone"),
    zone_file!("zoo/opt-out.zone"),
    zone_file!("zoo/poison.zone"),
    zone_file!("zoo/rebind.zone"),
    zone_file!("zoo/refused.zone"),
    zone_file!("zoo/selfglue.zone"),
    zone_file!("zoo/servfail.zone"),
    zone_file!("zoo/signatures.zone"),
    zone_file!("zoo/slow.zone"),
    zone_file!("zoo/truncated.zone"),
    zone_file!("zoo/unknownalg.zone"),
    zone_file!("zoo/unsigned.opt-out.zone"),
    zone_file!("zoo/upward.zone"),
    zone_file!("zoo/validations-end.zone"),
    zone_file!("zoo/validations-even.zone"),
    zone_file!("zoo/validations-odd.zone"),
    zone_file!("zoo/validations.zone"),
    zone_file!("zoo/victim.zone"),
    zone_file!("zoo/wildcard.zone"),
    zone_file!("zoo/wrongid.zone"),
    zone_file!("zoo/wrongquestion.zone"),
];

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
        let embedded: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        assert_eq!(embedded, on_disk, "one line for each file, in order");
    }
}
