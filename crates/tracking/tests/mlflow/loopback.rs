//! A server that answers what it is told to, and keeps what it was asked.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server on a loopback port.
pub(crate) struct Loopback {
    pub(crate) uri: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Loopback {
    /// Gives the answers in turn, the last one for ever; an empty one never comes.
    pub(crate) async fn answering(answers: &[&str]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            for turn in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = vec![0; 64 << 10];
                let read = stream.read(&mut head).await.unwrap();
                heard.lock().unwrap().push(String::from_utf8_lossy(&head[..read]).into_owned());
                let answer = &answers[turn.min(answers.len() - 1)];
                if answer.is_empty() {
                    kept.push(stream);
                } else {
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        Self { uri, asked }
    }

    /// The first lines of the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|request| request.lines().next().unwrap_or_default().to_owned()).collect()
    }
}

/// An answer of MLflow.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
