//! Bars on a terminal, which is a pseudo-terminal here and the emulator behind it.

use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Write as _},
    num::NonZero,
    os::unix::fs::OpenOptionsExt as _,
    process::{Child, Command},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::{
    daemon::{Knobs, http::Repetition},
    scene::{BUILD, Scene},
};

/// The time after which something that does not happen fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

/// The time without output after which nothing more is drawn.
const SILENCE: Duration = Duration::from_millis(500);

/// A pull whose second piece, half of a layer, comes until the test has seen its bar.
const PULL: [&str; 4] = [
    "{\"status\":\"Pulling from s2i/go\",\"id\":\"latest\"}\r\n",
    "{\"status\":\"Down\\u001b[31mloading\",\"progressDetail\":{\"current\":40000000,\"total\":80000000},\"id\":\"aaaaaaaaaaaa\"}\r\n",
    "{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"aaaaaaaaaaaa\"}\r\n",
    "{\"status\":\"Status: Downloaded newer image\"}\r\n",
];

/// The beginning of the bar.
const BAR: &str = "aaaaaaaaaaaa Downloading [========>       ] 40.00 MB/80.00 MB";

const PULLED: &str =
    "pulling s2i/go\nsha256:2222222222222222222222222222222222222222222222222222222222222222";

/// The command on a terminal.
struct Terminal {
    child: Child,
    controller: File,
    screen: vt100::Parser,
    /// All that it wrote.
    output: String,
    /// The control of the repetition of the second piece.
    repetition: Arc<Repetition>,
}

fn scene(last: Option<&'static str>) -> (Scene, Arc<Repetition>) {
    let repetition = Arc::<Repetition>::default();
    let mut pull = PULL.to_vec();
    if let Some(last) = last {
        *pull.last_mut().unwrap() = last;
    }
    let knobs = Knobs {
        pull,
        repeat: Some((1, Arc::clone(&repetition))),
        ..Knobs::default()
    };
    (Scene::with_engine(knobs), repetition)
}

/// Starts the command on a terminal with this many columns, as the leader of its session.
fn start(
    (scene, repetition): &(Scene, Arc<Repetition>),
    args: &[&str],
    columns: u16,
    env: &[(&str, &str)],
) -> Terminal {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    resize(&controller, columns);
    let name = ptsname(&controller, Vec::new()).unwrap();
    let mut options = OpenOptions::new();
    let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let options = options.read(true).write(true).custom_flags(flags);
    let terminal = options.open(name.to_str().unwrap()).unwrap();
    let own = scene.command(args);
    let mut command = Command::new("setsid");
    command.arg("--ctty").arg(own.get_program()).args(args);
    command.env_clear().env("TERM", "xterm");
    let variables = own
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    command.envs(variables).envs(env.iter().copied());
    command.current_dir(own.get_current_dir().unwrap());
    command.stdin(terminal.try_clone().unwrap());
    command
        .stdout(terminal.try_clone().unwrap())
        .stderr(terminal);
    Terminal {
        child: command.spawn().unwrap(),
        controller: controller.into(),
        screen: vt100::Parser::new(size(24), size(columns), 0),
        output: String::new(),
        repetition: Arc::clone(repetition),
    }
}

fn size(number: u16) -> NonZero<u16> {
    NonZero::new(number).unwrap()
}

fn resize(controller: impl std::os::fd::AsFd, columns: u16) {
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(controller, size).unwrap();
}

impl Terminal {
    /// Reads what comes; returns false at the end.
    fn read(&mut self) -> bool {
        assert!(self.is_ready(PATIENCE), "{}", self.text());
        let mut bytes = [0; 4096];
        // The terminal fails when the last process has closed it.
        let count = self.controller.read(&mut bytes).unwrap_or_default();
        self.screen.process(&bytes[..count]);
        self.output += &String::from_utf8_lossy(&bytes[..count]);
        count > 0
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    fn emulate(&mut self, columns: u16) {
        let screen = self.screen.screen_mut();
        screen.set_size(size(24), size(columns));
    }

    /// Waits until a line of the screen is like this.
    fn wait_for(&mut self, is_it: impl Fn(&str) -> bool) {
        let start = Instant::now();
        while !self.text().lines().any(&is_it) {
            assert!(start.elapsed() < PATIENCE && self.read(), "{}", self.text());
        }
    }

    /// Stops the repetition, and waits until nothing more is drawn; or starts it again.
    fn pause(&mut self, is_paused: bool) {
        let control = &self.repetition.is_paused;
        control.store(is_paused, Ordering::SeqCst);
        while is_paused && self.is_ready(SILENCE) {
            assert!(self.read(), "{}", self.text());
        }
    }

    /// Returns whether there is something to read within this time.
    fn is_ready(&self, limit: Duration) -> bool {
        let mut ready = [PollFd::new(&self.controller, PollFlags::IN)];
        let limit = Timespec::try_from(limit).unwrap();
        poll(&mut ready, Some(&limit)) == Ok(1)
    }

    /// Lets the pull go on.
    fn go_on(&self) {
        self.repetition.is_over.store(true, Ordering::SeqCst);
    }

    /// Waits for the end and returns the exit code and the screen, which is clean: the cursor is visible, in an empty
    /// line.
    fn finish(mut self) -> (Option<i32>, String, String) {
        while self.read() {}
        let status = self.child.wait().unwrap();
        let screen = self.screen.screen();
        let (row, column) = screen.cursor_position();
        assert!(!screen.hide_cursor() && column == 0, "{}", self.text());
        let below: String = screen.rows(0, 200).skip(row.into()).collect();
        assert_eq!(below.trim(), "");
        (
            status.code(),
            self.text().trim_end().to_owned(),
            self.output,
        )
    }
}

#[test]
fn bar_of_a_layer_goes_when_the_layer_is_there() {
    let scene = scene(None);
    let mut terminal = start(&scene, &["pull", "s2i/go"], 100, &[]);
    terminal.wait_for(|line| line.contains(BAR));
    assert!(terminal.text().contains("latest: Pulling from s2i/go"));
    terminal.go_on();
    let (code, screen, output) = terminal.finish();
    assert_eq!((code, screen.as_str()), (Some(0), PULLED));
    assert!(!output.contains("[31m"), "{output}");
}

#[test]
fn narrow_terminal_cuts_the_bar() {
    let scene = scene(None);
    let mut terminal = start(&scene, &["pull", "s2i/go"], 30, &[]);
    terminal.wait_for(|line| line.contains("aaaaaaaaaaaa Downloading"));
    let lines = terminal.text().lines().count();
    assert_eq!(lines, 3, "{}", terminal.text());
    terminal.go_on();
    let (_, screen, _) = terminal.finish();
    assert_eq!(screen, PULLED);
}

#[test]
fn resized_terminal_is_clean_at_the_end() {
    let scene = scene(None);
    let mut terminal = start(&scene, &["pull", "s2i/go"], 100, &[]);
    terminal.wait_for(|line| line.contains(BAR));
    for columns in [40, 120, 60] {
        // The emulator and the terminal can't change together, so nothing may be drawn meanwhile.
        terminal.pause(true);
        terminal.emulate(columns);
        resize(&terminal.controller, columns);
        terminal.pause(false);
        let shown = &BAR[..BAR.len().min(usize::from(columns) - 5)];
        terminal.wait_for(|line| {
            let is_cut = line.len() <= usize::from(columns) - 3;
            is_cut && line.contains(shown)
        });
    }
    terminal.go_on();
    let (code, screen, _) = terminal.finish();
    assert_eq!(code, Some(0));
    assert!(
        screen.starts_with("pulling s2i/go\nsha256:2222"),
        "{screen}"
    );
    assert!(
        !screen.contains("aaaa") && !screen.contains("latest"),
        "{screen}"
    );
}

#[test]
fn interrupt_removes_the_bars() {
    let scene = scene(None);
    let mut terminal = start(&scene, &["pull", "s2i/go"], 100, &[]);
    terminal.wait_for(|line| line.contains(BAR));
    terminal.controller.write_all(b"\x03").unwrap();
    let (code, screen, _) = terminal.finish();
    scene.1.is_over.store(true, Ordering::SeqCst);
    assert_eq!(code, Some(130));
    insta::assert_snapshot!(screen, @"
    pulling s2i/go
    stopping (Ctrl-C); press it again to leave at once
    error: stopped by Ctrl-C
    ");
}

#[test]
fn error_removes_the_bars() {
    let denied = "{\"errorDetail\":{\"message\":\"denied\"},\"error\":\"denied\"}\r\n";
    let scene = scene(Some(denied));
    let mut terminal = start(&scene, &["pull", "s2i/go"], 100, &[]);
    terminal.wait_for(|line| line.contains(BAR));
    terminal.go_on();
    let (_, screen, _) = terminal.finish();
    assert!(
        screen.starts_with("pulling s2i/go\nerror: can't pull the image `s2i/go`: denied"),
        "{screen}"
    );
}

/// Traces come at any time, from any thread.
#[test]
fn lines_appear_above_the_bars() {
    let scene = scene(None);
    let mut terminal = start(&scene, &["pull", "s2i/go", "--loglevel", "5"], 200, &[]);
    terminal.wait_for(|line| line.contains(BAR));
    terminal.go_on();
    let (code, screen, _) = terminal.finish();
    assert_eq!(code, Some(0));
    assert!(
        !screen.contains(BAR) && screen.contains("TRACE"),
        "{screen}"
    );
}

#[test]
fn nothing_but_text_goes_elsewhere() {
    let scene = scene(None);
    scene.1.is_over.store(true, Ordering::SeqCst);
    let args = ["pull", "s2i/go"];
    let plain = ["pull", "s2i/go", "--progress", "plain"];
    for (args, variable) in [
        (&args[..], ("CI", "1")),
        (&args, ("TERM", "dumb")),
        (&plain, ("TERM", "xterm")),
    ] {
        let (code, screen, output) = start(&scene, args, 100, &[variable]).finish();
        assert_eq!((code, screen.as_str()), (Some(0), PULLED));
        assert!(!output.contains('\u{1b}'), "{output:?}");
    }
    let done = scene.0.s2i(&args).ends_with(0);
    let text = done.stderr + &done.stdout;
    assert_eq!(text.trim_end(), PULLED);
}

#[test]
fn no_color_leaves_the_bars() {
    let scene = scene(None);
    if Scene::with_builds(Knobs::default()).is_none() {
        return;
    }
    for (env, is_bold) in [(&[("NO_COLOR", "1")][..], false), (&[], true)] {
        scene.1.is_over.store(false, Ordering::SeqCst);
        let args = [&BUILD[..], &["--pull-policy", "always"]].concat();
        let mut terminal = start(&scene, &args, 100, env);
        terminal.wait_for(|line| line.contains(BAR));
        terminal.go_on();
        let (code, screen, output) = terminal.finish();
        assert_eq!(code, Some(0), "{screen}");
        assert!(screen.contains("\n==> commit\ncommit took 0."), "{screen}");
        assert_eq!(output.contains("\u{1b}[1m"), is_bold);
    }
}
