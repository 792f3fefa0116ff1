//! A proxy for plain HTTP that does to chosen requests what networks and servers do on bad days.
//!
//! It passes everything on unchanged, host header included, so that signatures stay valid. Every request is recorded.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a stalled connection is held before it is given up; clients must have given up long before.
const STALL: Duration = Duration::from_mins(2);

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset before anything is passed on.
    Reset,
    /// The request is passed on, and its answer is lost with the connection.
    LoseAnswer,
    /// The connection is reset after so many bytes of the answer's body.
    ResetAfter(usize),
    /// The answer ends, as if complete, after so many bytes of its body.
    Truncate(usize),
    /// The byte at that place of the answer's body is another.
    FlipAnswer(usize),
    /// The byte at that place of the request's body is another.
    FlipRequest(usize),
    /// Nothing is passed on and nothing is answered.
    Stall,
    /// The answer stops after so many bytes of its body, and the connection stays open.
    StallAfter(usize),
    /// This is answered instead: status, more headers (each with its line end), body.
    Answer(u16, &'static str, &'static str),
    /// The request waits until the sending process is dead: it is killed (SIGKILL) before anything is passed on.
    KillBefore,
    /// The sending process is killed (SIGKILL) after the server has answered, before it hears of it.
    KillAfter,
}

/// The requests that a fault happens to.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The request's line begins with this, `GET ` say; empty for all.
    pub method: &'static str,
    /// The request's target contains this.
    pub target: String,
    /// So many matching requests pass before.
    pub skip: usize,
    /// So many matching requests meet the fault after that.
    pub times: usize,
    /// What happens to them.
    pub fault: Fault,
}

impl Rule {
    /// A rule for every request whose line begins with `method` and whose target contains `target`.
    #[must_use]
    pub fn new(method: &'static str, target: &str, fault: Fault) -> Self {
        Self { method, target: target.to_owned(), skip: 0, times: usize::MAX, fault }
    }

    /// The same for the first so many of them only.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// The same after so many that pass.
    #[must_use]
    pub fn after(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    /// Whether the request meets the fault; counts it.
    fn applies(&mut self, line: &str) -> bool {
        let target = line.split(' ').nth(1).unwrap_or_default();
        if !line.starts_with(self.method) || !target.contains(&self.target) || self.times == 0 {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}

/// A request that came by.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its first line.
    pub line: String,
    /// Its headers in lower case, as they came.
    pub headers: String,
    /// Whether it met a fault.
    pub met_fault: bool,
}

/// A running proxy in front of one server.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    server: u16,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
}

/// A request or an answer.
struct Message {
    /// First line and headers, with the empty line at their end.
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Proxy {
    /// A proxy in front of the server on that loopback port, without faults.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("the port").port();
        let state = Arc::new(State { server, rules: Mutex::default(), seen: Mutex::default() });
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // What fails here fails for the client too, which is what is tested.
                thread::spawn(move || serve(&state, &stream).ok());
            }
        });
        Self { port, state }
    }

    /// Its address.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Puts these rules in the place of those before; the first that applies to a request counts.
    pub fn set(&self, rules: Vec<Rule>) {
        *lock(&self.state.rules) = rules;
    }

    /// The requests since the last call.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Seen> {
        std::mem::take(&mut *lock(&self.state.seen))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The requests of one connection, each over a connection of its own to the server.
fn serve(state: &State, client: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    while let Some(mut request) = Message::read(&mut reader, true, Some(client))? {
        let head = String::from_utf8_lossy(&request.head);
        let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
        let (line, headers) = (line.to_owned(), headers.to_ascii_lowercase());
        let fault = lock(&state.rules).iter_mut().find_map(|rule| rule.applies(&line).then(|| rule.fault.clone()));
        lock(&state.seen).push(Seen { line: line.clone(), headers, met_fault: fault.is_some() });
        match fault {
            Some(Fault::Reset) => return reset(client),
            Some(Fault::Stall) => return stall(client),
            Some(Fault::Answer(status, headers, body)) => {
                let length = body.len();
                write!(&mut &*client, "HTTP/1.1 {status} Fault\r\ncontent-length: {length}\r\n{headers}\r\n{body}")?;
                continue;
            }
            Some(Fault::KillBefore) => return kill(client),
            Some(Fault::FlipRequest(at)) => flip(&mut request.body, at),
            _ => {}
        }
        let is_head = line.starts_with("HEAD ");
        let mut answer = pass_on(state.server, &request, is_head)?;
        let whole = answer.body.len();
        match fault {
            Some(Fault::LoseAnswer) => return reset(client),
            Some(Fault::KillAfter) => return kill(client),
            Some(Fault::FlipAnswer(at)) => flip(&mut answer.body, at),
            Some(Fault::ResetAfter(at) | Fault::Truncate(at) | Fault::StallAfter(at)) => {
                answer.body.truncate(at.min(whole.saturating_sub(1)));
            }
            _ => {}
        }
        (&mut &*client).write_all(&answer.head)?;
        (&mut &*client).write_all(&answer.body)?;
        match fault {
            Some(Fault::ResetAfter(_)) => return reset(client),
            Some(Fault::Truncate(_)) => return client.shutdown(Shutdown::Both),
            Some(Fault::StallAfter(_)) => return stall(client),
            _ => {}
        }
    }
    Ok(())
}

impl Message {
    /// The next message; `None` at the end of the connection. A client that waits for a go-ahead gets it.
    fn read(reader: &mut impl BufRead, has_body: bool, client: Option<&TcpStream>) -> io::Result<Option<Self>> {
        let (mut head, mut length, mut is_chunked) = (Vec::new(), None, false);
        loop {
            let start = head.len();
            if reader.read_until(b'\n', &mut head)? == 0 {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(&head[start..]).to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            }
            is_chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
            if line.starts_with("expect:")
                && let Some(mut client) = client
            {
                head.truncate(start);
                client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = Vec::new();
        if has_body && is_chunked {
            read_chunks(reader, &mut body)?;
        } else if has_body {
            reader.take(length.unwrap_or(0)).read_to_end(&mut body)?;
        }
        Ok(Some(Self { head, body }))
    }
}

/// A chunked body, kept in that form.
fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let start = body.len();
        reader.read_until(b'\n', body)?;
        let size = String::from_utf8_lossy(&body[start..]);
        let size = usize::from_str_radix(size.trim().split(';').next().unwrap_or_default(), 16);
        let size = size.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        // The data and their line end; after the last chunk the line that ends the (empty) trailer.
        let mut data = vec![0; size + 2];
        reader.read_exact(&mut data)?;
        body.extend(data);
        if size == 0 {
            return Ok(());
        }
    }
}

fn pass_on(port: u16, request: &Message, is_head: bool) -> io::Result<Message> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    server.write_all(&request.head)?;
    server.write_all(&request.body)?;
    let mut reader = BufReader::new(server);
    loop {
        let answer = Message::read(&mut reader, !is_head, None)?;
        let answer = answer.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        if !answer.head.starts_with(b"HTTP/1.1 100") {
            return Ok(answer);
        }
    }
}

fn flip(body: &mut [u8], at: usize) {
    let last = body.len().saturating_sub(1);
    if let Some(byte) = body.get_mut(at.min(last)) {
        *byte ^= 0b0001_0000;
    }
}

/// A socket that may not linger is reset when it is closed.
fn reset(client: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(client).set_linger(Some(Duration::ZERO))
}

fn stall(client: &TcpStream) -> io::Result<()> {
    client.set_read_timeout(Some(STALL))?;
    // Ends when the client gives up.
    let _ = (&mut &*client).read(&mut [0])?;
    Ok(())
}

/// Kills the process at the other end of a loopback connection.
pub(crate) fn kill(client: &TcpStream) -> io::Result<()> {
    let process = process_of(client.peer_addr()?, client.local_addr()?)?;
    rustix::process::kill_process(process, rustix::process::Signal::KILL)?;
    reset(client)
}

/// The process that owns the socket between these loopback addresses. Sockets that were closed lately may have one of the two, and no owner.
fn process_of(local: SocketAddr, remote: SocketAddr) -> io::Result<rustix::process::Pid> {
    let ends = [local, remote].map(|address| format!("0100007F:{:04X}", address.port()));
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let row = table.lines().find(|line| line.split_whitespace().skip(1).take(2).eq(ends.iter()));
    let inode = row.and_then(|line| line.split_whitespace().nth(9)).unwrap_or("0").to_owned();
    let socket = format!("socket:[{inode}]");
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
        let Some(process) = number.and_then(rustix::process::Pid::from_raw) else { continue };
        // A process may end while it is looked at.
        let Ok(files) = std::fs::read_dir(path.join("fd")) else { continue };
        let mut targets = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        if targets.any(|target| target.as_os_str() == socket.as_str()) {
            return Ok(process);
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_connection_is_found() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let owner = process_of(client.local_addr().unwrap(), client.peer_addr().unwrap()).unwrap();
        assert_eq!(owner, rustix::process::getpid());
    }
}
