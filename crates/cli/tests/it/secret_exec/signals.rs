//! Signals to `azconnect secret exec`, and to whom they go.

use std::{os::unix::process::ExitStatusExt as _, process::Command};

use super::{command, exec, read_until, started, world};

fn send(pid: u32, signal: &str) -> bool {
    let mut kill = Command::new("kill");
    kill.args([signal, &pid.to_string()]).stderr(std::process::Stdio::null());
    kill.status().unwrap().success()
}

#[test]
fn signals_and_the_way_it_ends_are_the_programs_own() {
    let world = world();
    let script = "trap 'echo got TERM; exit 5' TERM; trap 'echo got USR1' USR1; echo ready; \
                  while :; do sleep 0.05; done";
    for options in [&[][..], &["--no-masking"]] {
        let mut child = started(command(&world, options, script));
        read_until(&mut child, "ready\n");
        assert!(send(child.id(), "-USR1"));
        read_until(&mut child, "got USR1\n");
        assert!(send(child.id(), "-TERM"));
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "got TERM\n", "{options:?}");
        assert_eq!(output.status.code(), Some(5), "{options:?}");
    }
    exec(&world, &[], "kill -KILL $$").ended_with(137);
    exec(&world, &[], "exit 255").ended_with(255);
}

/// The command as the leader of a session of its own, which no shell looks after.
fn in_its_own_session(command: &Command) -> Command {
    let mut setsid = Command::new("setsid");
    setsid.arg(command.get_program()).args(command.get_args());
    setsid.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        setsid.current_dir(folder);
    }
    setsid
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_is_stopped_whom_no_shell_would_wake() {
    let world = world();
    let script = "trap 'echo got TSTP' TSTP; echo ready; while :; do sleep 0.05; done";
    let mut child = started(in_its_own_session(&command(&world, &[], script)));
    read_until(&mut child, "ready\n");
    assert!(send(child.id(), "-TSTP"));
    // Whoever is stopped passes nothing on.
    read_until(&mut child, "got TSTP\n");
    assert!(send(child.id(), "-TERM"));
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_stop_is_obeyed_when_the_program_has_ended_and_nobody_reads() {
    let world = world();
    // More than our stdout takes, and less than that and the program's own.
    let script = "head -c 100000 /dev/zero; echo $$ >&2";
    let mut child = started(command(&world, &[], script));
    let program = first_line_of_stderr(&mut child).trim().parse().unwrap();
    while send(program, "-0") {}
    assert!(child.try_wait().unwrap().is_none(), "its output is lost");
    assert!(send(child.id(), "-TERM"));
    let status = child.wait().unwrap();
    // By the signal itself, or if it came before we knew of the end, for want of a reader.
    assert!(status.signal() == Some(15) || status.code() == Some(1), "{status}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_stop_is_obeyed_when_the_program_is_blocked_by_a_reader_that_is_stuck() {
    let world = world();
    let script = "echo $$ >&2; exec head -c 10000000 /dev/zero";
    let mut child = started(command(&world, &[], script));
    let program = first_line_of_stderr(&mut child);
    let status = format!("/proc/{}/status", program.trim());
    // It sleeps a moment when we are slow, and for good when nobody reads.
    let mut asleep = 0;
    while asleep < 1000 {
        let status = std::fs::read_to_string(&status).unwrap();
        let waits = status.contains("Name:\thead\n") && status.contains("State:\tS");
        asleep = if waits { asleep + 1 } else { 0 };
    }
    assert!(send(child.id(), "-TERM"));
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

fn first_line_of_stderr(child: &mut std::process::Child) -> String {
    use std::io::BufRead as _;
    let mut line = String::new();
    let stderr = child.stderr.as_mut().unwrap();
    std::io::BufReader::new(stderr).read_line(&mut line).unwrap();
    line
}
