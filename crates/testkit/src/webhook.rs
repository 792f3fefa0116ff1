//! A receiver of alerts: whom an Alertmanager calls.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

const POLL: Duration = Duration::from_millis(100);

/// One alert as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `firing` or `resolved`.
    pub status: String,
    /// Its name.
    pub alert: String,
    /// The labels and annotations, as JSON.
    pub body: String,
}

/// A running receiver on a loopback port. It answers 200 to everything and remembers the alerts; its thread ends with the test's process.
#[derive(Debug)]
pub struct Webhook {
    port: u16,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Webhook {
    /// Starts a receiver.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&calls);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let calls = Arc::clone(&own);
                // Connections are kept open by their clients, so each has a thread of its own.
                thread::spawn(move || serve(stream, &calls));
            }
        });
        Self { port, calls }
    }

    /// Its address.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// What was delivered so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until that alert was delivered in that status.
    ///
    /// # Panics
    /// When it was not in time, with what was.
    pub fn wait_for(&self, alert: &str, status: &str, time: Duration) -> Call {
        let deadline = Instant::now() + time;
        loop {
            let calls = self.calls();
            if let Some(call) = calls.iter().find(|call| call.alert == alert && call.status == status) {
                return call.clone();
            }
            assert!(Instant::now() < deadline, "{alert} was not {status} within {time:?}; delivered were {calls:?}");
            thread::sleep(POLL);
        }
    }
}

/// Takes requests until the client goes.
fn serve(stream: TcpStream, calls: &Mutex<Vec<Call>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    while let Some(body) = request(&mut reader)? {
        let delivered: Value = serde_json::from_slice(&body)?;
        for alert in delivered["alerts"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            calls.lock().unwrap_or_else(PoisonError::into_inner).push(Call {
                status: text(&alert["status"]),
                alert: text(&alert["labels"]["alertname"]),
                body: alert.to_string(),
            });
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    }
    Ok(())
}

/// The body of the next request; `None` at the end of the connection.
fn request(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(body))
}
