//! A Chromium behind Debian's chromedriver, spoken to in the WebDriver protocol.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

/// What can go wrong is a fault of the set-up: its text is enough.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// The browser as a reader meets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

impl View {
    pub(crate) const DESKTOP: View = View::new(1280, 900, false);
    pub(crate) const PHONE: View = View::new(390, 844, false);

    pub(crate) const fn new(width: u32, height: u32, dark: bool) -> View {
        View {
            width,
            height,
            dark,
        }
    }
}

impl std::fmt::Display for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.dark { "dark" } else { "light" };
        write!(f, "{}-{scheme}", self.width)
    }
}

/// Whether `program` answers to `--version`.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    let silent = command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

/// One browser for all checks; it ends with this value.
pub(crate) struct Browser {
    driver: Child,
    agent: ureq::Agent,
    session: String,
    _profile: tempfile::TempDir,
}

/// What takes so long hangs: axe-core on a page with every fold open takes seconds, and minutes on a loaded machine.
const HUNG: Duration = Duration::from_secs(600);

impl Browser {
    /// Starts chromedriver on a free port and a headless Chromium with an empty profile.
    pub(crate) fn start() -> Result<Browser> {
        let profile = tempfile::tempdir().map_err(|e| format!("no folder for a profile: {e}"))?;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("cannot start chromedriver: {e}"))?;
        let port = announced_port(&mut driver)?;
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(HUNG))
            .build()
            .into();
        let mut browser = Browser {
            driver,
            agent,
            session: format!("http://127.0.0.1:{port}/session"),
            _profile: profile,
        };
        let answer = browser.post("", &capabilities(browser._profile.path()))?;
        let id = answer["sessionId"]
            .as_str()
            .ok_or("chromedriver gave no session")?;
        browser.session = format!("{}/{id}", browser.session);
        browser.post(
            "/timeouts",
            &json!({"script": HUNG.as_millis(), "pageLoad": HUNG.as_millis()}),
        )?;
        Ok(browser)
    }

    /// Opens `page` as `view` says, in a fresh document.
    pub(crate) fn open(&self, page: &str, view: View) -> Result<()> {
        self.view(view)?;
        self.post("/url", &json!({"url": "about:blank"}))?;
        self.post("/url", &json!({"url": page}))?;
        Ok(())
    }

    /// Changes size and colour scheme of the open page.
    pub(crate) fn view(&self, view: View) -> Result<()> {
        let size = json!({
            "width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": view.width < 700,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size)?;
        self.media(
            "",
            &[(
                "prefers-color-scheme",
                if view.dark { "dark" } else { "light" },
            )],
        )
    }

    /// Emulates a medium (`print`, or the screen when empty) and media features.
    pub(crate) fn media(&self, medium: &str, features: &[(&str, &str)]) -> Result<()> {
        let features: Vec<Value> = features
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let parameters = json!({"media": medium, "features": features});
        self.devtools("Emulation.setEmulatedMedia", parameters)?;
        Ok(())
    }

    /// Runs a script's text as a function body; a promise that it returns is awaited.
    pub(crate) fn script(&self, text: &str, arguments: &[Value]) -> Result<Value> {
        self.post("/execute/sync", &json!({"script": text, "args": arguments}))
    }

    /// Runs a script that returns a list of faults.
    pub(crate) fn faults(&self, text: &str, arguments: &[Value]) -> Result<Vec<String>> {
        serde_json::from_value(self.script(text, arguments)?).map_err(|e| e.to_string())
    }

    /// Presses keys in the focused element.
    pub(crate) fn press(&self, key: &str) -> Result<()> {
        let actions = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let keyboard = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.post("/actions", &keyboard)?;
        Ok(())
    }

    /// The browser's own back button.
    pub(crate) fn back(&self) -> Result<()> {
        self.post("/back", &json!({})).map(|_| ())
    }

    /// Loads the page again.
    pub(crate) fn reload(&self) -> Result<()> {
        self.post("/refresh", &json!({})).map(|_| ())
    }

    /// What was written to the console since the last call.
    pub(crate) fn console(&self) -> Result<Vec<String>> {
        let entries = self.post("/se/log", &json!({"type": "browser"}))?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        Ok(entries
            .iter()
            .map(|entry| entry["message"].to_string())
            .collect())
    }

    /// The page as PDF, by the browser's own printing.
    pub(crate) fn print(&self) -> Result<Vec<u8>> {
        let page = json!({"background": false, "page": {"width": 21.0, "height": 29.7}});
        decoded(&self.post("/print", &page)?)
    }

    /// A picture of the page down to `height`, PNG.
    pub(crate) fn picture(&self, height: f64) -> Result<Vec<u8>> {
        let size = self.devtools("Page.getLayoutMetrics", json!({}))?;
        let size = &size["cssContentSize"];
        let full = size["height"].as_f64().unwrap_or(height);
        let clip =
            json!({"x": 0, "y": 0, "width": size["width"], "height": full.min(height), "scale": 1});
        let shot = self.devtools(
            "Page.captureScreenshot",
            json!({"format": "png", "captureBeyondViewport": true, "clip": clip}),
        )?;
        decoded(&shot["data"])
    }

    /// A command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        let body = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &body)
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.session);
        let sent = self
            .agent
            .post(&url)
            .header("Content-Type", "application/json")
            .send(body.to_string());
        let mut answer = sent.map_err(|e| format!("{path}: {e}"))?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(256 << 20)
            .read_to_string();
        let text = text.map_err(|e| format!("{path}: {e}"))?;
        let mut answer_body: Value =
            serde_json::from_str(&text).map_err(|e| format!("{path}: {e}"))?;
        let value = answer_body["value"].take();
        match value["error"].as_str() {
            Some(error) if !answer.status().is_success() => {
                Err(format!("{path}: {error}: {}", value["message"]))
            }
            _ => Ok(value),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The session closes the browser; without a session only the driver is left to end.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// chromedriver prints the port it chose.
fn announced_port(driver: &mut Child) -> Result<u16> {
    let stdout = driver.stdout.take().ok_or("chromedriver has no output")?;
    for line in BufReader::new(stdout).lines().map_while(|line| line.ok()) {
        let number = line
            .rsplit_once("on port ")
            .map(|(_, rest)| rest.trim_end_matches('.'));
        if let Some(port) = number
            .filter(|_| line.contains("success"))
            .and_then(|n| n.parse().ok())
        {
            return Ok(port);
        }
    }
    Err("chromedriver did not name its port".to_owned())
}

/// No network, no first-run pages, an own profile.
fn capabilities(profile: &Path) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        &profile,
    ];
    json!({"capabilities": {"alwaysMatch": {
        "goog:chromeOptions": {"args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }}})
}

/// Base64, as the protocol sends bytes.
fn decoded(value: &Value) -> Result<Vec<u8>> {
    let text = value.as_str().ok_or("the browser sent no data")?;
    let six_bits = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = text.bytes().filter_map(six_bits).collect();
    let bytes = digits.chunks(4).flat_map(|four| {
        let bits = four
            .iter()
            .fold(0u32, |bits, digit| bits << 6 | u32::from(*digit));
        let bits = bits << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    });
    Ok(bytes.collect())
}
