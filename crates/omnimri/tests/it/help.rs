//! Help, usage errors and completions.

use crate::support::omnimri;

/// Every command, with its subcommands.
const COMMANDS: [&[&str]; 19] = [
    &["demo"],
    &["read"],
    &["bids"],
    &["ask"],
    &["recon"],
    &["corpus"],
    &["corpus", "list"],
    &["corpus", "show"],
    &["corpus", "check"],
    &["corpus", "build"],
    &["corpus", "deidentify"],
    &["corpus", "stats"],
    &["train"],
    &["plan"],
    &["eval"],
    &["serve"],
    &["node"],
    &["info"],
    &["completions"],
];

#[test]
fn help_of_every_command_has_examples() {
    for command in COMMANDS {
        let ran = omnimri(command.iter().chain(&["--help"])).done();
        let name = format!("omnimri {}", command.join(" "));
        assert!(ran.out.contains("Example"), "{name}: {}", ran.out);
        let examples = ran.out.split("Example").nth(1).unwrap();
        assert!(
            examples.contains(&name),
            "an example of {name} itself: {}",
            ran.out
        );
        assert!(ran.err.is_empty(), "help is a result: {}", ran.err);
    }
    let all = omnimri(["--help"]).done().out;
    for command in COMMANDS {
        assert!(all.contains(command[0]), "{}", command[0]);
    }
    assert!(all.contains("Not a medical device"));
}

#[test]
fn the_commands_stay() {
    // The names, without what is said of them: users and scripts rely on these.
    let help = omnimri(["--help"]).done().out;
    let names: Vec<&str> = help
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .map_while(|l| l.strip_prefix("  "))
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    insta::assert_snapshot!(names.join(" "), @"demo read bids ask recon corpus train plan eval serve node info completions help");
}

#[test]
fn the_options_of_read_ask_and_recon_stay() {
    let options = |command: &str| {
        let help = omnimri([command, "--help"]).done().out;
        let names: Vec<String> = help
            .lines()
            .filter_map(|l| {
                l.trim_start()
                    .split("--")
                    .nth(1)
                    .filter(|_| l.trim_start().starts_with('-'))
            })
            .map(|l| {
                l.split([' ', '=', '['])
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect();
        names.join(" ")
    };
    for (command, expected) in [
        (
            "read",
            [
                "out", "memory", "json", "dicom", "uid-root", "bids", "method", "mask", "axes",
                "noise", "lambda", "model",
            ]
            .as_slice(),
        ),
        ("ask", &["batch", "json", "model"]),
        (
            "recon",
            &["out", "method", "mask", "axes", "noise", "lambda", "model"],
        ),
    ] {
        let found = options(command);
        for name in expected {
            assert!(
                found.split(' ').any(|n| n == *name),
                "{command} --{name}: {found}"
            );
        }
    }
}

#[test]
fn usage_errors_end_with_2_and_say_so_on_stderr() {
    for args in [
        &["nonsense"][..],
        &[],
        &["read"],
        &["read", "x.nii"],
        &["read", "--out", "o"],
        &["read", "x.nii", "--out", "o", "--memory", "0"],
        &["read", "x.nii", "--out", "o", "--memory", "lots"],
        &["read", "x.nii", "--out", "o", "--method", "magic"],
        &["ask"],
        &["ask", "x.png"],
        &["ask", "--batch", "q.csv", "x.png", "why?"],
        &["recon", "k.npy"],
        &["recon", "k.npy", "--out", "image.bmp"],
        &["info"],
        &["completions", "dos"],
    ] {
        let ran = omnimri(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:?}");
        assert!(
            ran.out.is_empty() && !ran.err.is_empty(),
            "{args:?}: {ran:?}"
        );
    }
}

#[test]
fn completions_and_version_are_results() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = omnimri(["completions", shell]).done();
        assert!(
            ran.out.contains("omnimri") && ran.out.contains("recon"),
            "{shell}"
        );
        assert!(ran.err.is_empty());
    }
    let version = omnimri(["--version"]).done().out;
    assert_eq!(
        version.trim(),
        concat!("omnimri ", env!("CARGO_PKG_VERSION"))
    );
}
