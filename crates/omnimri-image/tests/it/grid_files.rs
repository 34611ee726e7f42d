//! MetaImage and NRRD: geometry, types, compression, and files that are not what they say.

use std::io::Write;
use std::path::Path;

use omnimri_image::{
    Input, InputKind, OpenOptions, SourceKind, Volume, Zyx, detect, open, read_volume, stem,
};

const N: [usize; 3] = [5, 4, 3];

fn values() -> Vec<i16> {
    (0..60).map(|k| (k * k % 71) as i16 - 20).collect()
}

fn bytes(big: bool) -> Vec<u8> {
    let of = |v: i16| match big {
        true => v.to_be_bytes(),
        false => v.to_le_bytes(),
    };
    values().into_iter().flat_map(of).collect()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A header with the axes turned: i along the patient's posterior, j up, k along the left. SimpleITK 2 writes the same lines for
/// this grid, and puts voxel (2, 1, 1) at LPS (-7, 21, 32).
fn metaimage(file: &str, more: &str) -> String {
    format!(
        "ObjectType = Image\nNDims = 3\nBinaryData = True\n{more}TransformMatrix = 0 1 0 0 0 1 1 0 0\n\
         Offset = -10 20 30\nElementSpacing = 0.5 2 3\nDimSize = {} {} {}\nElementType = MET_SHORT\nElementDataFile = {file}\n",
        N[0], N[1], N[2]
    )
}

fn read(path: &Path) -> omnimri_image::Result<Volume> {
    read_volume(path, &OpenOptions::default())
}

fn write(path: &Path, parts: &[&[u8]]) {
    std::fs::write(path, parts.concat()).unwrap();
}

/// The same grid and voxels, however they were written.
fn check(volume: &Volume) {
    assert_eq!(volume.geometry.size, Zyx::new(3, 4, 5));
    let expected: Vec<f32> = values().into_iter().map(f32::from).collect();
    assert_eq!(volume.voxels, expected);
    let g = &volume.geometry;
    assert!(g.orientation.is_trusted() && g.spacing.is_trusted());
    // LPS (-10, 20, 30) is RAS (10, -20, 30).
    assert_eq!(g.affine.apply([0.0; 3]), [10.0, -20.0, 30.0]);
    assert_eq!(g.affine.apply([2.0, 1.0, 1.0]), [7.0, -21.0, 32.0]);
    assert_eq!(g.affine.orientation_code(), "PSL");
}

#[test]
fn metaimage_in_one_file_and_in_two_plain_and_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    write(
        &at("a.mha"),
        &[metaimage("LOCAL", "").as_bytes(), &bytes(false)],
    );
    check(&read(&at("a.mha")).unwrap());
    let packed = zlib(&bytes(false));
    let more = format!(
        "CompressedData = True\nCompressedDataSize = {}\n",
        packed.len()
    );
    write(
        &at("b.mha"),
        &[metaimage("LOCAL", &more).as_bytes(), &packed],
    );
    check(&read(&at("b.mha")).unwrap());
    let more = "BinaryDataByteOrderMSB = True\n";
    write(&at("c.mhd"), &[metaimage("c.raw", more).as_bytes()]);
    write(&at("c.raw"), &[&bytes(true)]);
    let volume = read(&at("c.mhd")).unwrap();
    check(&volume);
    assert_eq!(volume.source, SourceKind::MetaImage);
}

fn nrrd(encoding: &str, more: &str) -> String {
    format!(
        "NRRD0005\n# made by a test\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: {} {} {}\n\
         space directions: (0,0.5,0) (0,0,2) (3,0,0)\nspace origin: (-10,20,30)\nencoding: {encoding}\n\
         note:=anything\n{more}\n",
        N[0], N[1], N[2]
    )
}

#[test]
fn the_one_door_knows_both() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("scan.mha"), dir.path().join("scan.nrrd"));
    write(&a, &[metaimage("LOCAL", "").as_bytes(), &bytes(false)]);
    write(
        &b,
        &[nrrd("raw", "endian: little\n").as_bytes(), &bytes(false)],
    );
    assert_eq!(detect(&a).unwrap(), InputKind::MetaImage);
    assert_eq!(detect(&b).unwrap(), InputKind::Nrrd);
    for path in [&a, &b] {
        let Input::Volumes(volumes) = open(path, &OpenOptions::default()).unwrap() else {
            panic!("a volume");
        };
        check(&volumes[0]);
        assert_eq!(stem(path), "scan");
    }
}

#[test]
fn nrrd_attached_and_detached_plain_and_compressed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    write(
        &at("a.nrrd"),
        &[nrrd("raw", "endian: little\n").as_bytes(), &bytes(false)],
    );
    check(&read(&at("a.nrrd")).unwrap());
    write(
        &at("b.nrrd"),
        &[
            nrrd("gzip", "endian: big\n").as_bytes(),
            &gzip(&bytes(true)),
        ],
    );
    check(&read(&at("b.nrrd")).unwrap());
    write(
        &at("c.nhdr"),
        &[nrrd("raw", "endian: little\ndata file: c.raw\n").as_bytes()],
    );
    write(&at("c.raw"), &[&bytes(false)]);
    let volume = read(&at("c.nhdr")).unwrap();
    check(&volume);
    assert_eq!(volume.source, SourceKind::Nrrd);
}

#[test]
fn an_axis_without_a_direction_is_frames() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.nrrd");
    let head = "NRRD0004\ntype: uchar\ndimension: 4\nspace: RAS\nsizes: 2 3 2 1\n\
                space directions: none (1,0,0) (0,1,0) (0,0,1)\nencoding: raw\n\n";
    let data: Vec<u8> = (0..12).collect();
    write(&path, &[head.as_bytes(), &data]);
    let volume = read(&path).unwrap();
    assert_eq!(
        (volume.n_frames, volume.geometry.size),
        (2, Zyx::new(1, 2, 3))
    );
    assert_eq!(volume.frame(1), [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
    assert_eq!(volume.geometry.affine.orientation_code(), "RAS");
}

#[test]
fn damaged_headers_and_short_data_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |name: &str, parts: &[&[u8]], part: &str| {
        let path = dir.path().join(name);
        write(&path, parts);
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(part), "{error} lacks {part}");
    };
    let whole = metaimage("LOCAL", "");
    let changed = |from: &str, to: &str| whole.replace(from, to);
    refused(
        "a.mha",
        &[whole.as_bytes(), &bytes(false)[1..]],
        "truncated",
    );
    let huge = changed("5 4 3", "2000000000 2000000000 2000000000");
    refused("b.mha", &[huge.as_bytes()], "too large");
    let large = changed("5 4 3", "500 400 300");
    refused("c.mha", &[large.as_bytes(), &bytes(false)], "truncated");
    refused("d.mha", &[changed("5 4 3", "5 4").as_bytes()], "DimSize");
    refused(
        "e.mha",
        &[changed("MET_SHORT", "MET_OTHER").as_bytes()],
        "element type",
    );
    refused(
        "f.mha",
        &[changed("0.5 2 3", "0.5 NaN 3").as_bytes()],
        "ElementSpacing",
    );
    refused(
        "g.mha",
        &[
            changed("0 1 0 0 0 1 1 0 0", "0 1 0 0 0 1 0 1 0").as_bytes(),
            &bytes(false),
        ],
        "affine",
    );
    refused(
        "h.mha",
        &[changed("LOCAL", "../x.raw").as_bytes()],
        "data file",
    );
    let broken = metaimage("LOCAL", "CompressedData = True\n");
    refused("i.mha", &[broken.as_bytes(), &[7; 90]], "decompress");
    let text = nrrd("raw", "endian: little\n");
    refused(
        "a.nrrd",
        &[text.as_bytes(), &bytes(false)[1..]],
        "truncated",
    );
    refused("b.nrrd", &[nrrd("bzip2", "").as_bytes()], "encoding");
    refused(
        "c.nrrd",
        &[text.replace("type: short", "type: block").as_bytes()],
        "type",
    );
    refused(
        "d.nrrd",
        &[text.replace("(0,0.5,0)", "(0,x,0)").as_bytes()],
        "space directions",
    );
    refused(
        "e.nrrd",
        &[text
            .replace("left-posterior-superior", "scanner-xyz")
            .as_bytes()],
        "space",
    );
}
