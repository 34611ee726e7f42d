//! The node on free loopback ports, called as a scanner and an archive would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use dicom_dictionary_std::uids;
use dicom_ul::association::ServerAssociationOptions;
use dicom_ul::pdu::{PDataValueType, Pdu};
use omnimri_serve::node::{Counts, Node, NodeConfig, NodeError, Peer, WebConfig};

use super::engine;
use super::scu::{Scu, encode, slice};

const MR: &str = uids::MR_IMAGE_STORAGE;
const EXPLICIT: &[&str] = &[uids::EXPLICIT_VR_LITTLE_ENDIAN];
const LONG: Duration = Duration::from_secs(120);

fn config() -> NodeConfig {
    NodeConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        quiet_s: 0.3,
        retry_s: 0.2,
        retry_most_s: 0.5,
        ..NodeConfig::default()
    }
}

fn start(config: NodeConfig, data: &Path) -> Node {
    Node::start(config, data, engine()).expect("a node")
}

fn connect(node: &Node) -> Scu {
    Scu::connect(node.address(), "SCANNER", "OMNIMRI", MR, EXPLICIT).expect("an association")
}

/// Counts once `enough` holds.
fn until(node: &Node, enough: impl Fn(&Counts) -> bool) -> Counts {
    let started = Instant::now();
    loop {
        let counts = node.counts().expect("counts");
        if enough(&counts) {
            return counts;
        }
        assert!(started.elapsed() < LONG, "still {counts:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Objects that an archive got: SOP class and data set.
type Delivered = Receiver<(String, Vec<u8>)>;

/// An archive that takes everything, on `listener`.
fn archive(listener: TcpListener) -> Delivered {
    let (give, take) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let options = ServerAssociationOptions::new()
                .promiscuous(true)
                .with_transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
            let Ok(mut association) = options.establish(stream.expect("a connection")) else {
                continue;
            };
            let (mut command, mut data) = (Vec::new(), Vec::new());
            loop {
                let values = match association.receive() {
                    Ok(Pdu::PData { data }) => data,
                    Ok(Pdu::ReleaseRQ) => {
                        association.send(&Pdu::ReleaseRP).expect("a release");
                        break;
                    }
                    _ => break,
                };
                for value in values {
                    match value.value_type {
                        PDataValueType::Command => command.extend(value.data),
                        PDataValueType::Data => data.extend(value.data),
                    }
                    if value.value_type == PDataValueType::Data && value.is_last {
                        let class = uid_of(&command, 0x0002);
                        let answer = response(&command, value.presentation_context_id);
                        // The test may have seen enough.
                        let _ = give.send((class, std::mem::take(&mut data)));
                        association.send(&answer).expect("a response");
                        command.clear();
                    }
                }
            }
        }
    });
    take
}

/// Value of an element of a command set.
fn value_of(command: &[u8], element: u16) -> &[u8] {
    let mut at = 0;
    while at < command.len() {
        let number = u16::from_le_bytes([command[at + 2], command[at + 3]]);
        let len = u32::from_le_bytes(command[at + 4..at + 8].try_into().unwrap()) as usize;
        if number == element {
            return &command[at + 8..at + 8 + len];
        }
        at += 8 + len;
    }
    panic!("no element {element:04x}");
}

fn uid_of(command: &[u8], element: u16) -> String {
    let text = String::from_utf8(value_of(command, element).to_vec()).expect("ASCII");
    text.trim_end_matches('\0').to_owned()
}

fn response(command: &[u8], id: u8) -> Pdu {
    let message = value_of(command, 0x0110);
    let mut set = Vec::new();
    for (element, value) in [
        (0x0100u16, &[0x01, 0x80][..]),
        (0x0120, message),
        (0x0800, &[0x01, 0x01]),
        (0x0900, &[0, 0]),
    ] {
        set.extend([0, 0]);
        set.extend(element.to_le_bytes());
        set.extend((value.len() as u32).to_le_bytes());
        set.extend(value);
    }
    let value = dicom_ul::pdu::PDataValue {
        presentation_context_id: id,
        value_type: PDataValueType::Command,
        is_last: true,
        data: set,
    };
    Pdu::PData { data: vec![value] }
}

fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

#[test]
fn only_those_who_may_call_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.callers = vec!["SCANNER".into()];
    config.max_associations = 2;
    let node = start(config, dir.path());
    let call = |calling: &str, called: &str| {
        let syntaxes = &[uids::IMPLICIT_VR_LITTLE_ENDIAN];
        Scu::connect(
            node.address(),
            calling,
            called,
            uids::VERIFICATION,
            syntaxes,
        )
    };
    let mut good = call("SCANNER", "OMNIMRI").expect("an association");
    assert_eq!(good.echo(), Some(0));
    assert_eq!(good.echo(), Some(0));
    for (calling, called) in [("STRANGER", "OMNIMRI"), ("SCANNER", "OTHER")] {
        let error = call(calling, called).err().expect("a rejection");
        assert!(format!("{error:?}").contains("NotRecognized"), "{error:?}");
    }
    // Two associations are open; a third is turned away for the time being.
    // The places of those who were rejected become free a moment later.
    let started = Instant::now();
    let _second = loop {
        match call("SCANNER", "OMNIMRI") {
            Ok(second) => break second,
            Err(error) => assert!(started.elapsed() < LONG, "{error:?}"),
        }
    };
    let error = call("SCANNER", "OMNIMRI").err().expect("a rejection");
    assert!(format!("{error:?}").contains("Transient"), "{error:?}");
    good.release();
}

#[test]
fn a_quiet_study_is_read_once_and_late_images_make_a_new_version() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    let address = free_port();
    config.peers = vec![Peer {
        aet: "ARCHIVE".into(),
        address: address.to_string(),
        commitment: false,
        tls: false,
    }];
    let node = start(config.clone(), dir.path());
    let mut scu = connect(&node);
    for k in 0..3 {
        assert_eq!(scu.store(&slice("1.2.3", "P1", k)), Some(0));
    }
    // The archive is down: the results wait.
    let counts = until(&node, |c| c.readings == 1 && c.due == 0);
    assert_eq!((counts.failed, counts.sent), (0, 0));
    assert!(counts.waiting >= 1, "{counts:?}");
    assert_eq!(counts.objects, 3 + counts.waiting);
    scu.release();
    // So they do after a restart.
    drop(node);
    let node = start(config, dir.path());
    assert_eq!(node.counts().unwrap().waiting, counts.waiting);
    let delivered = archive(TcpListener::bind(address).expect("the port"));
    let sent = until(&node, |c| c.waiting == 0);
    assert_eq!(sent.sent, counts.waiting);
    let first: Vec<_> = delivered.try_iter().collect();
    assert_eq!(first.len() as i64, sent.sent);
    let is_report = |o: &&(String, Vec<u8>)| o.0 == uids::COMPREHENSIVE_SR_STORAGE;
    let report = first.iter().find(is_report).expect("a report");
    assert!(!contains(&report.1, b"version 2"));

    // The same images again: nothing new.
    let mut scu = connect(&node);
    for k in 0..3 {
        assert_eq!(scu.store(&slice("1.2.3", "P1", k)), Some(0));
    }
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(node.counts().unwrap(), sent);

    // A late one: a second version that names the first.
    assert_eq!(scu.store(&slice("1.2.3", "P1", 3)), Some(0));
    until(&node, |c| c.readings == 2 && c.waiting == 0);
    let second: Vec<_> = delivered.try_iter().collect();
    let report = second.iter().find(is_report).expect("a report");
    assert!(contains(&report.1, b"version 2"));
    let first_uid = first.iter().find(is_report).map(|o| uid_in(&o.1)).unwrap();
    assert!(contains(&report.1, first_uid.as_bytes()));
    scu.release();
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|w| w == what)
}

/// SOP Instance UID of a data set in explicit VR.
fn uid_in(data: &[u8]) -> String {
    let head = [0x08, 0x00, 0x18, 0x00, b'U', b'I'];
    let at = data.windows(6).position(|w| w == head).expect("a UID");
    let len = usize::from(u16::from_le_bytes([data[at + 6], data[at + 7]]));
    let text = String::from_utf8(data[at + 8..at + 8 + len].to_vec()).expect("ASCII");
    text.trim_end_matches('\0').to_owned()
}

#[test]
fn what_is_wrong_is_refused_and_nothing_of_it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.quiet_s = 1e6;
    config.max_object_bytes = 100_000;
    let node = start(config, dir.path());
    let mut scu = connect(&node);
    assert_eq!(scu.store(&slice("1.2.3", "P1", 0)), Some(0));
    // Another patient in the same study.
    assert_eq!(scu.store(&slice("1.2.3", "P2", 1)), Some(0xc000));
    // Another object with the same UID.
    let mut other = slice("1.2.3", "P1", 0);
    other.put(dicom_core::DataElement::new(
        dicom_dictionary_std::tags::INSTANCE_NUMBER,
        dicom_core::VR::IS,
        "77",
    ));
    assert_eq!(scu.store(&other), Some(0xc000));
    // Other UIDs in the command; no data set at all; too large; a class of another context.
    let data = encode(&slice("1.2.3", "P1", 1));
    assert_eq!(scu.store_as(MR, "1.2.3.99", &data), Some(0xc000));
    assert_eq!(scu.store_as(MR, "1.2.3.99", b"no data set"), Some(0xc000));
    assert_eq!(
        scu.store_as(MR, "1.2.3.99", &vec![0; 200_000]),
        Some(0xa700)
    );
    let ct = uids::CT_IMAGE_STORAGE;
    assert_eq!(scu.store_as(ct, "1.2.3.99", &data), Some(0x0122));
    assert_eq!(scu.store_as(MR, "../../etc", &data), Some(0x0122));
    // Elements with lengths that are not there, sequences without end: an answer, whatever it is, and no end of the association.
    for k in 0..200 {
        let mut damaged = data.clone();
        damaged[k] ^= 0xff;
        let status = scu.store_as(MR, "1.2.3.1.2", &damaged).expect("an answer");
        assert!(matches!(status, 0 | 0xc000 | 0xa900), "{k}: {status:04x}");
    }
    let parts = std::fs::read_dir(dir.path().join("incoming")).unwrap();
    assert_eq!(parts.count(), 0);
    // A context that was not accepted.
    let none = Scu::connect(node.address(), "A", "OMNIMRI", ct, EXPLICIT);
    assert!(none.is_err());
    let jpeg_ls = &[uids::JPEGLS_LOSSLESS];
    assert!(Scu::connect(node.address(), "A", "OMNIMRI", MR, jpeg_ls).is_err());
    // Bytes that are no association.
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[1, 0, 0xff, 0xff, 0xff, 0xff],
        &[4; 64],
    ] {
        let mut stream = TcpStream::connect(node.address()).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // Ended by the node, with or without an abort.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let mut scu = connect(&node);
    assert_eq!(scu.store(&slice("1.2.4", "P1", 0)), Some(0));
}

#[test]
fn a_folder_belongs_to_one_node() {
    let dir = tempfile::tempdir().unwrap();
    let _node = start(config(), dir.path());
    let error = Node::start(config(), dir.path(), engine()).err();
    assert!(matches!(
        error,
        Some(NodeError::BadConfig { key: "--data", .. })
    ));
}

/// A request as it goes over the wire; status, head and body of the answer.
fn http(address: SocketAddr, request: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    let end = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head[9..12].parse().expect("a status");
    (status, head, bytes[end + 4..].to_vec())
}

fn get(address: SocketAddr, path: &str, more: &str) -> (u16, String, Vec<u8>) {
    let request = format!(
        "GET /dicom-web{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{more}\r\n"
    );
    http(address, &request, b"")
}

#[test]
fn dicomweb_stores_finds_and_gives_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config();
    config.quiet_s = 1e6;
    config.dicomweb = Some(WebConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        origins: vec!["https://viewer.example.org".into()],
        token: None,
        tls: false,
    });
    let node = start(config, dir.path());
    let web = node.web_address().expect("DICOMweb");
    // By STOW-RS, one of two parts being no object.
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    let meta = dicom_object::FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(MR)
        .media_storage_sop_instance_uid("1.2.3.1.1")
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .build()
        .expect("meta information");
    meta.write(&mut file).expect("a head");
    file.extend(encode(&slice("1.2.3", "P1", 0)));
    let mut body = b"--b\r\nContent-Type: application/dicom\r\n\r\n".to_vec();
    body.extend(&file);
    body.extend(b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\nnothing\r\n--b--\r\n");
    let request = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: {web}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: multipart/related; type=\"application/dicom\"; boundary=b\r\n\r\n",
        body.len()
    );
    let (status, _, answer) = http(web, &request, &body);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert_eq!(status, 202, "{answer}");
    assert!(
        answer.contains("1.2.3.1.1") && answer.contains("00081198"),
        "{answer}"
    );
    assert_eq!(node.counts().unwrap().objects, 1);

    for (path, n) in [
        ("/studies", 1),
        ("/studies?PatientID=P*&StudyDate=20250101-20261231", 1),
        ("/studies?00100020=P2", 0),
        ("/studies?offset=1", 0),
        ("/studies/1.2.3/series?Modality=MR", 1),
        ("/studies/1.2.3/series/1.2.3.1/instances", 1),
        ("/instances?SOPInstanceUID=1.2.3.1.1,1.2.9", 1),
        ("/studies/1.2.3/metadata", 1),
    ] {
        let (status, _, body) = get(web, path, "");
        assert_eq!(status, 200, "{path}");
        let sets: Vec<serde_json::Value> = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(sets.len(), n, "{path}");
    }
    assert_eq!(get(web, "/studies?Nonsense=1", "").0, 400);
    assert_eq!(get(web, "/studies/9.9", "").0, 404);
    let instance = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1";
    let (status, head, body) = get(web, instance, "Accept: application/dicom\r\n");
    assert_eq!(status, 200, "{head}");
    assert!(contains(&body, &file), "the file as it came");
    let (status, head, body) = get(web, &format!("{instance}/frames/1"), "");
    assert_eq!(status, 200, "{head}");
    let pixels = &file[file.len() - 2048..];
    assert!(head.contains("multipart/related") && contains(&body, pixels));
    assert_eq!(get(web, &format!("{instance}/frames/2"), "").0, 404);
    assert_eq!(get(web, &format!("{instance}/frames/0"), "").0, 400);

    // Pages of other sites.
    let origin = "Origin: https://viewer.example.org\r\n";
    let (status, head, _) = get(web, "/studies", origin);
    assert_eq!(status, 200);
    assert!(
        head.to_lowercase()
            .contains("access-control-allow-origin: https://viewer.example.org")
    );
    assert_eq!(
        get(web, "/studies", "Origin: https://evil.example.org\r\n").0,
        403
    );
}
