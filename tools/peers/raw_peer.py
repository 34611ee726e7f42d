"""Compares omnimri's raw data with what h5py, ismrmrd and numpy wrote, sample by sample.

    python3 tools/peers/raw_peer.py RAW_DUMP

RAW_DUMP is the built example (target/release/examples/raw_dump). A phantom seen by a few coils is written as ISMRMRD
(Cartesian and radial), fastMRI, MATLAB v7.3, BART cfl, npz and npy; samples, masks, coordinates and noise must be equal as
float32. Then copies of these files are cut short and damaged: none may end in a panic. Exit code 1 on any difference.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import h5py
import ismrmrd
import numpy as np

RNG = np.random.default_rng(5)
N_COILS, N_Z, N_Y, N_X = 3, 5, 14, 18


def phantom(n_z, n_y, n_x):
    """K-space [coil][z][y][x] of ellipsoids seen by coils."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in (n_z, n_y, n_x)), indexing="ij")
    image = 1.0 * (x**2 / 0.7 + y**2 / 0.5 + z**2 < 0.9) + 0.5 * ((x - 0.2) ** 2 + (y + 0.1) ** 2 + z**2 < 0.1)
    coils = [np.exp(-((x - a) ** 2 + (y - b) ** 2) + 1j * (a * x - b * y + z)) for a, b in ((1, 0), (-0.5, 0.8), (0, -1))]
    axes = (1, 2, 3)
    shifted = np.fft.ifftshift(image * np.stack(coils), axes)
    k = np.fft.fftshift(np.fft.fftn(shifted, axes=axes, norm="ortho"), axes)
    return (k + 1e-3 * (RNG.normal(size=k.shape) + 1j * RNG.normal(size=k.shape))).astype(np.complex64)


def header(encoded, recon, trajectory="cartesian", centre=(0, 0), n_encodings=1):
    space = lambda name, m: (
        f"<{name}><matrixSize><x>{m[2]}</x><y>{m[1]}</y><z>{m[0]}</z></matrixSize>"
        f"<fieldOfView_mm><x>{m[2] * 2}</x><y>{m[1] * 1.5}</y><z>{m[0] * 4}</z></fieldOfView_mm></{name}>"
    )
    limit = lambda name, n, c: f"<{name}><minimum>0</minimum><maximum>{n - 1}</maximum><center>{c}</center></{name}>"
    encoding = (
        f"<encoding>{space('encodedSpace', encoded)}{space('reconSpace', recon)}<encodingLimits>"
        f"{limit('kspace_encoding_step_1', encoded[1], centre[0])}{limit('kspace_encoding_step_2', encoded[0], centre[1])}"
        f"</encodingLimits><trajectory>{trajectory}</trajectory></encoding>"
    )
    return (
        '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><acquisitionSystemInformation>'
        "<systemVendor>OMNI</systemVendor><systemModel>Phantom</systemModel><systemFieldStrength_T>3</systemFieldStrength_T>"
        "<relativeReceiverNoiseBandwidth>0.8</relativeReceiverNoiseBandwidth></acquisitionSystemInformation>"
        "<experimentalConditions><H1resonanceFrequency_Hz>123000000</H1resonanceFrequency_Hz></experimentalConditions>"
        f"{encoding * n_encodings}<sequenceParameters><TR>500</TR><TE>20</TE><flipAngle_deg>70</flipAngle_deg>"
        "</sequenceParameters></ismrmrdHeader>"
    )


def acquisition(data, trajectory=None, flags=(), centre=None, dwell=4.0, position=(10.0, -20.0, 30.0), **counters):
    head = {k: counters.pop(k) for k in ("discard_pre", "discard_post", "encoding_space_ref") if k in counters}
    acq = ismrmrd.Acquisition.from_array(
        np.ascontiguousarray(data, np.complex64),
        None if trajectory is None else np.ascontiguousarray(trajectory, np.float32),
        center_sample=data.shape[1] // 2 if centre is None else centre,
        sample_time_us=dwell,
        **head,
    )
    for name, value in counters.items():
        setattr(acq.idx, name, value)
    for flag in flags:
        acq.set_flag(flag)
    acq.position[:] = position
    acq.read_dir[:], acq.phase_dir[:], acq.slice_dir[:] = (1, 0, 0), (0, 1, 0), (0, 0, 1)
    return acq


def write_ismrmrd(path, xml, acquisitions, group="dataset"):
    with ismrmrd.Dataset(path, group) as file:
        file.write_xml_header(xml.encode())
        for acq in acquisitions:
            file.append_acquisition(acq)


def read(dump, path, *options):
    """Header and per frame the arrays of omnimri."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([dump, out, path, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{path.name}: omnimri failed: {done.stderr.strip()}")
        found = json.loads(done.stdout)
        found["arrays"] = {p.stem: np.load(p) for p in pathlib.Path(out).glob("*.npy")}
    return found


class Check:
    """Counts what differs."""

    def __init__(self):
        self.n_bad, self.n_done = 0, 0

    def equal(self, what, ours, theirs, tolerance=0.0):
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        self.n_done += 1
        if ours.shape != theirs.shape or not np.allclose(ours, theirs, rtol=0, atol=tolerance):
            self.n_bad += 1
            print(f"differs: {what}: shape {ours.shape} and {theirs.shape}")

    def says(self, what, found, words):
        self.n_done += 1
        text = " ".join(found["warnings"] + sum(found["frame_warnings"], []))
        if words not in text:
            self.n_bad += 1
            print(f"differs: {what}: no warning of '{words}' in: {text}")


def cartesian(dump, folder, check):
    """Slices, contrasts, averages, partial Fourier, asymmetric echo, reversed lines, calibration, noise, oversampling."""
    k = np.stack([phantom(1, N_Y, N_X)[:, 0] * (1 + i) for i in range(6)]).reshape(3, 2, N_COILS, N_Y, N_X)
    measured = np.zeros((N_Y, N_X), bool)
    rows = [r for r in range(4, N_Y) if r % 2 == 0 or 6 <= r < 9]
    measured[rows, 3:] = True
    expected = np.where(measured, k, 0)
    noise = (RNG.normal(size=(N_COILS, 64)) + 1j * RNG.normal(size=(N_COILS, 64))).astype(np.complex64)
    acquisitions = [acquisition(noise, flags=[ismrmrd.ACQ_IS_NOISE_MEASUREMENT], dwell=8.0)]
    for average in range(2):
        for s in range(3):
            for c in range(2):
                for row in rows:
                    line = k[s, c, :, row, 3:] * (1 + (0.25 if average else -0.25))
                    flags, pre = [], 0
                    calibration = row % 2 == 1
                    if calibration:
                        flags.append(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION)
                    # Two samples more on the left, to be discarded.
                    line = np.concatenate([np.full((N_COILS, 2), 99), line], axis=1)
                    centre = N_X // 2 - 3 + 2
                    if row % 4 == 0:
                        line = line[:, ::-1]
                        flags.append(ismrmrd.ACQ_IS_REVERSE)
                    discard = {"discard_post" if row % 4 == 0 else "discard_pre": 2}
                    acquisitions.append(
                        acquisition(
                            line,
                            flags=flags,
                            centre=centre,
                            position=(0.0, 0.0, 5.0 * s),
                            kspace_encode_step_1=row - 4,
                            slice=s,
                            contrast=c,
                            average=average,
                            **discard,
                        )
                    )
    acquisitions.append(acquisition(k[0, 0, :, 0], flags=[ismrmrd.ACQ_IS_NAVIGATION_DATA]))
    acquisitions.append(acquisition(k[0, 0, :, 0], encoding_space_ref=1))
    # The header's centre is that of the lines as counted: line 3 is the zero frequency.
    xml = header((1, N_Y, N_X), (1, N_Y, N_X // 2), centre=(N_Y // 2 - 4, 0), n_encodings=2)
    path = folder / "cartesian.h5"
    write_ismrmrd(path, xml, acquisitions, "another")
    found = read(dump, path)
    check.equal("frames", len(found["frames"]), 6)
    for i, label in enumerate(found["frames"]):
        s, c = label["slice"], label["contrast"]
        check.equal(f"cartesian samples {i}", found["arrays"][f"samples_{i}"], expected[s, c], 1e-5)
        check.equal(f"cartesian mask {i}", found["arrays"][f"mask_{i}"], measured)
        check.equal(f"position {i}", label["position"][0], (0, 0, 5.0 * s))
    check.equal("noise", found["arrays"]["noise"], noise * np.float32(np.sqrt(8.0 / 4.0 / 0.8)), 1e-6)
    check.equal("recon", [found["recon"][a] for a in "zyx"], [1, N_Y, N_X // 2])
    check.equal("fov", [found["encoded_fov_mm"][a] for a in "zyx"], [4, N_Y * 1.5, N_X * 2])
    check.equal("TR", found["acquisition"]["repetition_time_ms"], 500)
    for words in ("1 navigator", "1 lines of other encodings", "calibration lines are used"):
        check.says("cartesian", found, words)
    # A line measured twice without a counter is averaged and said.
    again = [acquisition(k[0, 0, :, r], kspace_encode_step_1=r) for r in [*range(N_Y), 2, 5]]
    write_ismrmrd(folder / "twice.h5", header((1, N_Y, N_X), (1, N_Y, N_X), centre=(N_Y // 2, 0)), again)
    found = read(dump, folder / "twice.h5")
    check.equal("twice", found["arrays"]["samples_0"], k[0, 0], 1e-5)
    check.says("twice", found, "2 lines were measured again")
    # A line of NaN and a line of zeros are not measured.
    broken = [acquisition(k[0, 0, :, r] * (np.nan if r == 4 else r != 9), kspace_encode_step_1=r) for r in range(N_Y)]
    write_ismrmrd(folder / "broken.h5", header((1, N_Y, N_X), (1, N_Y, N_X), centre=(N_Y // 2, 0)), broken)
    found = read(dump, folder / "broken.h5")
    check.equal("broken", np.flatnonzero(~found["arrays"]["mask_0"].all(axis=1)), [4, 9])
    check.says("broken", found, "1 lines hold NaN")
    check.says("broken", found, "1 lines hold zeros")


def volume(dump, folder, check):
    """3D, not all partitions measured."""
    k = phantom(N_Z, N_Y, N_X)
    measured = RNG.random((N_Z, N_Y)) < 0.6
    acquisitions = [
        acquisition(k[:, z, y], kspace_encode_step_1=y, kspace_encode_step_2=z) for z, y in zip(*np.nonzero(measured))
    ]
    write_ismrmrd(folder / "volume.h5", header((N_Z, N_Y, N_X), (N_Z, N_Y, N_X), centre=(N_Y // 2, N_Z // 2)), acquisitions)
    found = read(dump, folder / "volume.h5")
    check.equal("volume", found["arrays"]["samples_0"], np.where(measured[..., None], k, 0))
    check.equal("volume mask", found["arrays"]["mask_0"], np.broadcast_to(measured[..., None], k.shape[1:]))


def radial(dump, folder, check):
    """Radial in both units of the trajectory, with density weights, and a stack of stars."""
    n, n_spokes = 16, 9
    angle = np.arange(n_spokes) * np.pi / n_spokes
    k = (np.arange(2 * n) - n) / (2 * n)
    trajectory = np.stack([np.outer(np.cos(angle), k), np.outer(np.sin(angle), k)], -1).astype(np.float32)
    samples = (RNG.normal(size=(n_spokes, N_COILS, 2 * n, 2)) @ [1, 1j]).astype(np.complex64)
    size = np.float32([n, n])
    for name, stored in (("samples", trajectory), ("field", trajectory * size)):
        path = folder / f"radial_{name}.h5"
        acquisitions = [acquisition(s, t, kspace_encode_step_1=i) for i, (s, t) in enumerate(zip(samples, stored))]
        write_ismrmrd(path, header((1, n, n), (1, n, n), "radial"), acquisitions)
        found = read(dump, path)
        check.equal(f"radial {name}", found["arrays"]["samples_0"], samples.swapaxes(0, 1))
        # Ours: z, y, x; theirs: x, y.
        check.equal(f"radial {name} x", found["arrays"]["coord_0"][..., 2], trajectory[..., 0] * n, 1e-5)
        check.equal(f"radial {name} y", found["arrays"]["coord_0"][..., 1], trajectory[..., 1] * n, 1e-5)
    weights = np.abs(np.broadcast_to(k, (n_spokes, 2 * n))).astype(np.float32)
    stored = np.concatenate([trajectory, weights[..., None]], -1)
    acquisitions = [acquisition(s, t, kspace_encode_step_1=i) for i, (s, t) in enumerate(zip(samples, stored))]
    write_ismrmrd(folder / "weights.h5", header((1, n, n), (1, n, n), "radial"), acquisitions)
    found = read(dump, folder / "weights.h5")
    check.equal("weights", found["arrays"]["density_0"], weights)
    acquisitions = [
        acquisition(s, t, kspace_encode_step_1=i, kspace_encode_step_2=z)
        for z in range(4)
        for i, (s, t) in enumerate(zip(samples, trajectory))
    ]
    write_ismrmrd(folder / "stack.h5", header((4, n, n), (4, n, n), "radial", centre=(0, 2)), acquisitions)
    found = read(dump, folder / "stack.h5")
    check.equal("stack", found["arrays"]["coord_0"][..., 0], np.repeat(np.arange(4) - 2, n_spokes)[:, None] + 0 * k)


def fastmri(dump, folder, check):
    """Single- and multi-coil, with a mask, chunked and compressed, of the old and the new file format."""
    n_slices, n_y, n_x = 4, 22, 15
    k = np.stack([phantom(1, n_y, n_x)[:, 0] * (i + 1) for i in range(n_slices)])
    mask = np.arange(n_x) % 3 == 0
    xml = header((1, n_x, n_y), (1, 11, 11))
    for name, data, own, storage, version in (
        ("multi", k, None, {}, "earliest"),
        ("single", k[:, 0], None, {}, "earliest"),
        ("mask", k * mask, mask.astype(np.float32), {}, "earliest"),
        ("bool", k * mask, mask, {"chunks": (2, 2, 5, 7), "compression": "gzip", "shuffle": True}, "earliest"),
        ("new", k, None, {"chunks": (1, 3, 8, 15), "compression": "gzip", "fletcher32": True}, "v110"),
        ("resizable", k, None, {"chunks": (3, 1, 9, 4), "maxshape": (None, N_COILS, None, n_x)}, "v112"),
        ("lzf", k, None, {"chunks": (1, 3, 9, 4), "compression": "lzf"}, "earliest"),
    ):
        path = folder / f"fastmri_{name}.h5"
        with h5py.File(path, "w", libver=version) as file:
            file.create_dataset("kspace", data=data, **storage)
            file.create_dataset("ismrmrd_header", data=xml)
            file.attrs.update({"acquisition": "AXT2", "max": 0.5, "norm": 3.0, "patient_id": "x"})
            if own is not None:
                file.create_dataset("mask", data=own)
        found = read(dump, path)
        check.equal(f"fastmri {name} frames", len(found["frames"]), n_slices)
        for i in range(n_slices):
            theirs = data[i] if data.ndim == 4 else data[i][None]
            check.equal(f"fastmri {name} {i}", found["arrays"][f"samples_{i}"], theirs)
            columns = mask if own is not None else np.ones(n_x, bool)
            check.equal(f"fastmri {name} mask {i}", found["arrays"][f"mask_{i}"], np.broadcast_to(columns, (n_y, n_x)))
        check.equal(f"fastmri {name} recon", [found["recon"][a] for a in "zyx"], [1, 11, 11])


def arrays(dump, folder, check):
    """MATLAB, cfl, npz and npy with named axes."""
    k = phantom(N_Z, N_Y, N_X)
    # MATLAB says (kx, ky, kz, coil); its file holds the reverse.
    for name, code in (("single", "<f4"), ("double", "<f8")):
        path = folder / f"matlab_{name}.mat"
        values = np.empty(k.shape, [("real", code), ("imag", code)])
        values["real"], values["imag"] = k.real, k.imag
        with h5py.File(path, "w", userblock_size=512) as file:
            file.create_dataset("raw", data=values, chunks=(1, N_Z, N_Y, N_X), compression="gzip").attrs["MATLAB_class"] = np.bytes_(name)
            file.create_dataset("TE", data=[[20.0]])
        with open(path, "r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
        found = read(dump, path, "--axes", "kx,ky,kz,coil")
        check.equal(f"matlab {name}", found["arrays"]["samples_0"], k.transpose(0, 3, 2, 1))
        found = read(dump, path, "--axes", "kx,ky,slice,coil")
        for z in range(N_Z):
            check.equal(f"matlab {name} slice {z}", found["arrays"][f"samples_{z}"], k[:, z].swapaxes(1, 2))
    series = np.stack([k[:, 0], 2 * k[:, 1]])
    sizes = [N_X, N_Y, 1, N_COILS, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1]
    (folder / "series.hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)) + "\n# Command\nphantom\n")
    series.astype("<c8").tofile(folder / "series.cfl")
    found = read(dump, folder / "series.cfl")
    for i in range(2):
        check.equal(f"cfl {i}", found["arrays"][f"samples_{i}"], series[i])
    for name, save in (("npz", np.savez), ("npz packed", np.savez_compressed)):
        path = folder / f"{name.replace(' ', '_')}.npz"
        save(path, kspace=series, extra=np.arange(3))
        found = read(dump, path, "--axes", "time,coil,ky,kx")
        for i in range(2):
            check.equal(f"{name} {i}", found["arrays"][f"samples_{i}"], series[i])
    for name, stored in (
        ("c", np.ascontiguousarray(k.transpose(3, 0, 2, 1))),
        ("fortran", np.asfortranarray(k.transpose(3, 0, 2, 1))),
        ("big", k.transpose(3, 0, 2, 1).astype(">c16")),
    ):
        np.save(folder / f"{name}.npy", stored)
        found = read(dump, folder / f"{name}.npy", "--axes", "kx,coil,ky,kz")
        check.equal(f"npy {name}", found["arrays"]["samples_0"], k.transpose(0, 3, 2, 1))
        found = read(dump, folder / f"{name}.npy", "--axes", "kx,coil,ky,echo")
        for z in range(N_Z):
            check.equal(f"npy {name} echo {z}", found["arrays"][f"samples_{z}"], k[:, z].swapaxes(1, 2))
    coord = RNG.uniform(-8, 8, (7, 11, 2)).astype(np.float32)
    samples = (RNG.normal(size=(N_COILS, 7, 11, 2)) @ [1, 1j]).astype(np.complex64)
    np.save(folder / "along.npy", samples)
    np.save(folder / "coord.npy", coord)
    found = read(dump, folder / "along.npy", "--trajectory", folder / "coord.npy", "--matrix", "16,17")
    check.equal("npy along", found["arrays"]["samples_0"], samples)
    check.equal("npy coordinates", found["arrays"]["coord_0"][..., 1:], coord)
    (folder / "k.hdr").write_text("# Dimensions\n1 11 7 3 1 1\n")
    (folder / "t.hdr").write_text("# Dimensions\n3 11 7 1 1 1\n")
    samples.tofile(folder / "k.cfl")
    np.concatenate([coord[..., ::-1], 0 * coord[..., :1]], -1).astype("<c8").tofile(folder / "t.cfl")
    found = read(dump, folder / "k.cfl", "--trajectory", folder / "t.cfl", "--matrix", "17,16")
    check.equal("cfl along", found["arrays"]["samples_0"], samples)
    check.equal("cfl coordinates", found["arrays"]["coord_0"][..., 1:], coord)


def damage(dump, folder, check):
    """Cuts and flipped bits: an error or data, never a panic, and never a hang."""
    seeds = [p for p in sorted(folder.iterdir()) if p.suffix != ".hdr"]
    n_errors = 0
    with tempfile.TemporaryDirectory() as other:
        for seed in seeds:
            whole = seed.read_bytes()
            paths = []
            for i in range(40):
                data = bytearray(whole)
                if i % 2:
                    for at in RNG.integers(0, min(len(data), 4096 if i % 4 == 1 else 1 << 30), 4):
                        data[at] ^= 1 << RNG.integers(8)
                else:
                    data = data[: RNG.integers(len(data))]
                paths.append(pathlib.Path(other, f"{i}{seed.suffix}"))
                paths[-1].write_bytes(data)
                if seed.suffix == ".cfl":
                    paths[-1].with_suffix(".hdr").write_bytes(seed.with_suffix(".hdr").read_bytes())
            done = subprocess.run([dump, "--try", *paths], capture_output=True, text=True, check=False, timeout=300)
            check.n_done += 1
            if done.returncode:
                check.n_bad += 1
                print(f"differs: damaged copies of {seed.name}: exit code {done.returncode}: {done.stderr.strip()[-300:]}")
            n_errors += done.stdout.count("error ")
    print(f"{len(seeds)} files damaged 40 times each: {n_errors} clear errors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dump", type=pathlib.Path)
    dump = parser.parse_args().dump.resolve()
    check = Check()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for test in (cartesian, volume, radial, fastmri, arrays, damage):
            before = check.n_bad
            test(dump, folder, check)
            print(f"{test.__name__}: {'equal' if check.n_bad == before else 'DIFFERS'}")
    print(f"raw data: {check.n_done} comparisons, {check.n_bad} differ")
    return 1 if check.n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
