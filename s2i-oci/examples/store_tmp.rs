//! Scratch.
#![allow(clippy::all, clippy::pedantic, missing_docs)]
use s2i_oci::store::*;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let t = Instant::now();
    let store = Store::open(args[1].as_ref()).unwrap();
    eprintln!("open {:?}", t.elapsed());
    let t = Instant::now();
    let find = |n: &str| store.find(&n.parse().unwrap()).unwrap().unwrap();
    match args[2].as_str() {
        "load" => {
            let loaded = if args.len() > 3 { store.import(&mut std::fs::File::open(&args[3]).unwrap()) } else { store.import(&mut std::io::stdin().lock()) };
            match loaded { Ok(l) => println!("{l:?}"), Err(e) => { println!("ERR {}", s2i_core::ErrorChain(&e)); } }
        }
        "list" => for i in store.list().unwrap() { println!("{} {:?} {}", i.id(), i.names().iter().map(|n| n.to_string()).collect::<Vec<_>>(), i.size()); },
        "save" => { let i = find(&args[3]); store.export(&[(&i, i.names().to_vec())], &|_| false, &mut std::fs::File::create(&args[4]).unwrap()).unwrap(); }
        "trees" => { let i = find(&args[3]); for t in store.trees(&i, &|u| eprintln!("{u:?}")).unwrap() { println!("{}", t.display()); } }
        "plain" => { let i = find(&args[3]); for l in i.layers() { store.write_layer(&l, &mut std::io::sink()).unwrap(); } }
        "again" => { let i = find(&args[3]); let s = store.in_boot("x"); s.trees(&i, &|u| eprintln!("{u:?}")).unwrap(); }
        "build" => {
            // on a base, with a tree copied from a directory
            let i = find(&args[3]);
            let work = store.work(&[&i]).unwrap();
            assert!(std::process::Command::new("cp").args(["-a", &args[4]]).arg(work.path().join("tree")).status().unwrap().success());
            eprintln!("copied {:?}", t.elapsed());
            let t = Instant::now();
            let a = store.adopt(&work.path().join("tree"), None).unwrap();
            eprintln!("adopted {:?} {:?}", a.size(), t.elapsed());
            let t = Instant::now();
            let mut config = i.config().clone();
            config.rootfs.diff_ids.push(a.diff_id());
            let mut layers: Vec<_> = i.layers().map(LayerSource::Stored).collect();
            layers.push(LayerSource::Adopted(a));
            let img = store.publish(NewImage { config, layers }, Some(&args[5].parse().unwrap())).unwrap();
            eprintln!("published {} {:?}", img.id(), t.elapsed());
        }
        "gc" => println!("{:?}", store.collect().unwrap()),
        "prune" => println!("{:?}", store.prune().unwrap()),
        "untag" => println!("{:?}", store.untag(&args[3].parse().unwrap()).unwrap()),
        _ => panic!(),
    }
    eprintln!("total {:?}", t.elapsed());
}
