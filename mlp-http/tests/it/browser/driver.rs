//! A real Chromium without a window, driven over WebDriver.

use std::future::{Future, poll_fn};
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value as Json, json};

/// How long a page may take to be what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The window's size.
const WINDOW: (u32, u32) = (1280, 900);

/// A page in a browser of its own.
#[derive(Clone)]
pub struct Page {
    client: Client,
    pub origin: Arc<str>,
}

/// Does something with a browser, and ends it whatever comes of that.
pub fn browse<F, Work>(origin: String, work: F)
where
    F: FnOnce(Page) -> Work,
    Work: Future<Output = ()>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let driver = Driver::start();
        let profile = tempfile::tempdir().unwrap();
        let client = driver.session(profile.path().to_str().unwrap()).await;
        let origin = origin.into();
        let page = Page {
            client: client.clone(),
            origin,
        };
        let mut work = pin!(work(page));
        let done = poll_fn(
            |cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
                Err(panic) => Poll::Ready(Err(panic)),
            },
        )
        .await;
        // The browser ends with its session; with the driver alone it would stay.
        client.close().await.ok();
        drop(driver);
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Chromium's own WebDriver server.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect(
                "chromedriver does not start; on Debian: apt-get install chromium chromium-driver",
            );
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // It blocks where nobody reads what it says.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            port: port.expect("chromedriver says no port"),
        }
    }

    async fn session(&self, profile: &str) -> Client {
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900", // WINDOW
        ];
        let mut arguments = arguments.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={profile}"));
        let mut options = json!({ "args": arguments });
        if let Some(program) = chromium() {
            options["binary"] = program.into();
        }
        let capabilities = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" }
        });
        let Json::Object(capabilities) = capabilities else {
            unreachable!("an object is above");
        };
        let url = format!("http://127.0.0.1:{}", self.port);
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&url)
            .await
            .expect("Chromium does not start")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn chromium() -> Option<String> {
    let path = std::env::var("PATH").ok()?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let places = path
        .split(':')
        .flat_map(|d| names.map(|n| format!("{d}/{n}")));
    places
        .into_iter()
        .find(|p| std::path::Path::new(p).exists())
}

#[derive(Debug)]
struct ReadLog;

impl WebDriverCompatibleCommand for ReadLog {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (
            http::Method::POST,
            Some(json!({ "type": "browser" }).to_string()),
        )
    }
}

impl Page {
    pub async fn open(&self, path: &str) {
        self.client
            .goto(&format!("{}{path}", self.origin))
            .await
            .unwrap();
    }

    /// The path and query of where it is.
    pub async fn place(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        format!("{}{query}", url.path())
    }

    pub async fn click(&self, css: &str) {
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await;
        let element = found.unwrap_or_else(|error| panic!("{css}: {error}"));
        // Where it is beyond the window's edge, WebDriver scrolls no further than that.
        let script = "arguments[0].scrollIntoView({ block: 'center' })";
        let argument = serde_json::to_value(&element).unwrap();
        self.run(script, vec![argument]).await;
        element.click().await.unwrap();
    }

    pub async fn fill(&self, css: &str, text: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.clear().await.unwrap();
        element.send_keys(text).await.unwrap();
    }

    pub async fn select(&self, css: &str, value: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap();
        element.select_by_value(value).await.unwrap();
    }

    /// Types where the focus is.
    pub async fn keys(&self, keys: &str) {
        let element = self.client.active_element().await.unwrap();
        element.send_keys(keys).await.unwrap();
    }

    /// The text of the first such element; empty where there is none.
    pub async fn text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let text = self.run(script, vec![css.into()]).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub async fn count(&self, css: &str) -> u64 {
        let script = "return document.querySelectorAll(arguments[0]).length";
        self.run(script, vec![css.into()]).await.as_u64().unwrap()
    }

    pub async fn run(&self, script: &str, arguments: Vec<Json>) -> Json {
        self.client.execute(script, arguments).await.unwrap()
    }

    /// Waits until a text stands in such an element.
    pub async fn wait_for(&self, css: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A page that is being left answers with errors.
            let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
            let found: Result<Json, CmdError> = self.client.execute(script, vec![css.into()]).await;
            let found = found.map(|f| f.as_str().unwrap_or_default().to_owned());
            if found.as_ref().is_ok_and(|f| f.contains(text)) {
                return;
            }
            assert!(Instant::now() < deadline, "no `{text}` in {css}: {found:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn resize(&self, width: u32, height: u32) {
        if width == WINDOW.0 {
            // Clicks miss where more is emulated than there is.
            self.devtools("Emulation.clearDeviceMetricsOverride", &json!({}))
                .await;
            return;
        }
        // A window is at least 500 wide; a device that is emulated is as narrow as a phone.
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500
        });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics)
            .await;
    }

    pub async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": features }),
        )
        .await;
    }

    async fn devtools(&self, command: &str, parameters: &Json) {
        let command = DevTools(json!({ "cmd": command, "params": parameters }));
        self.client.issue_cmd(command).await.unwrap();
    }

    /// By how much the page is wider than the window.
    pub async fn overflow(&self) -> i64 {
        let script = "const e = document.documentElement; return e.scrollWidth - e.clientWidth";
        self.run(script, vec![]).await.as_i64().unwrap()
    }

    /// What the browser complained of since the last call, refused resources and scripts included.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(ReadLog).await.unwrap();
        let said = log.as_array().cloned().unwrap_or_default();
        said.iter()
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    /// Keeps a picture of the whole page where `MLP_TEST_SHOTS` names a directory.
    pub async fn shoot(&self, name: &str) {
        let Ok(directory) = std::env::var("MLP_TEST_SHOTS") else {
            return;
        };
        std::fs::create_dir_all(&directory).unwrap();
        let wide = WINDOW.0 + 1;
        for (width, dark) in [(wide, false), (wide, true), (390, false), (390, true)] {
            self.resize(width, 900).await;
            self.dark(dark).await;
            let script = "return document.documentElement.scrollHeight";
            let height = self.run(script, vec![]).await.as_u64().unwrap();
            self.resize(width, height.clamp(400, 8000) as u32).await;
            let png = self.client.screenshot().await.unwrap();
            let shade = if dark { "dark" } else { "light" };
            std::fs::write(format!("{directory}/{name}-{width}-{shade}.png"), png).unwrap();
        }
        self.resize(WINDOW.0, WINDOW.1).await;
        self.dark(false).await;
    }
}

#[derive(Debug)]
struct DevTools(Json);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}
