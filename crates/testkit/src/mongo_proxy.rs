//! A proxy for MongoDB's protocol, which records the commands that come by and kills who sends the one that it is told.
//!
//! Only what a program asks for counts: greetings, signs of life and logins pass unseen.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::proxy::{kill, lock};

/// The code of the one kind of message that commands come in today.
const MESSAGE: u32 = 2013;
/// Length, number, number of the question, code.
const HEADER_BYTES: usize = 16;
/// What drivers say of themselves and their connections.
const UNSEEN: [&str; 7] = ["hello", "isMaster", "ismaster", "ping", "saslStart", "saslContinue", "endSessions"];

/// When the sender of a command dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the command is passed on.
    Before,
    /// After the server has answered, before the sender hears of it.
    After,
}

/// A command that came by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Its name, `find` say.
    pub command: String,
    /// The collection, where it has one.
    pub collection: String,
}

/// A running proxy in front of one server.
#[derive(Debug)]
pub struct MongoProxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    server: u16,
    /// How many commands pass before the one whose sender dies, and when it does.
    next: Mutex<Option<(usize, Moment)>>,
    asked: Mutex<Vec<Asked>>,
}

impl MongoProxy {
    /// A proxy in front of the server on that loopback port.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("the port").port();
        let state = Arc::new(State { server, ..State::default() });
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                // What fails here fails for the client too, which is what is tested.
                thread::spawn(move || serve(&state, &client).ok());
            }
        });
        Self { port, state }
    }

    /// The connection string of a database behind it, for clients that ask nobody for another address.
    #[must_use]
    pub fn uri(&self, database: &str) -> String {
        format!("mongodb://127.0.0.1:{}/{database}?directConnection=true", self.port)
    }

    /// Kills who sends the command after that many more; `None` lets all pass.
    pub fn kill(&self, at: Option<(usize, Moment)>) {
        *lock(&self.state.next) = at;
    }

    /// The commands since the last call.
    #[must_use]
    pub fn take_commands(&self) -> Vec<Asked> {
        std::mem::take(&mut *lock(&self.state.asked))
    }
}

impl State {
    /// Records a command; when its sender is to die, gives the moment.
    fn meet(&self, asked: Asked) -> Option<Moment> {
        lock(&self.asked).push(asked);
        let mut next = lock(&self.next);
        match &mut *next {
            Some((left, _)) if *left > 0 => {
                *left -= 1;
                None
            }
            _ => next.take().map(|(_, moment)| moment),
        }
    }
}

/// The messages of one connection, in both directions.
fn serve(state: &State, client: &TcpStream) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, state.server))?;
    let dies_at_answer = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| -> io::Result<()> {
            while let Some(answer) = message(&server)? {
                if dies_at_answer.load(Ordering::SeqCst) {
                    return kill(client);
                }
                (&mut &*client).write_all(&answer)?;
            }
            client.shutdown(std::net::Shutdown::Both)
        });
        let asking = || -> io::Result<()> {
            while let Some(question) = message(client)? {
                match asked(&question).and_then(|asked| state.meet(asked)) {
                    Some(Moment::Before) => return kill(client),
                    moment => dies_at_answer.store(moment.is_some(), Ordering::SeqCst),
                }
                (&mut &server).write_all(&question)?;
            }
            Ok(())
        };
        let done = asking();
        // Ends the other direction too.
        server.shutdown(std::net::Shutdown::Both)?;
        done
    })
}

/// The next message, whole; `None` at the end of the connection.
fn message(mut stream: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut message = length.to_vec();
    let rest = u64::from(u32::from_le_bytes(length)).saturating_sub(4);
    stream.take(rest).read_to_end(&mut message)?;
    Ok((message.len() as u64 == rest + 4).then_some(message))
}

/// The command in a message, if it is one that counts.
fn asked(message: &[u8]) -> Option<Asked> {
    let number = |at: usize| Some(u32::from_le_bytes(message.get(at..at + 4)?.try_into().ok()?));
    if number(HEADER_BYTES - 4)? != MESSAGE {
        return None;
    }
    // After the flags come sections: one of kind 0, which is the command, and lists of documents of kind 1, which tell their lengths.
    let mut at = HEADER_BYTES + 4;
    while *message.get(at)? != 0 {
        at += 1 + number(at + 1)? as usize;
    }
    // A document's length, then its first field: type, name, and, where it is a text (type 2), length and text.
    let field = at + 5;
    let command = text(message, field + 1)?;
    let value = field + 1 + command.len() + 1;
    let collection = if *message.get(field)? == 2 { text(message, value + 4)? } else { String::new() };
    (!UNSEEN.contains(&command.as_str())).then_some(Asked { command, collection })
}

/// The text that begins there and ends with a NUL.
fn text(bytes: &[u8], at: usize) -> Option<String> {
    let text = bytes.get(at..)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(code: u32, sections: &[&[u8]]) -> Vec<u8> {
        let mut message = [[0; 4], [0; 4], [0; 4], code.to_le_bytes(), [0; 4]].concat();
        message.extend(sections.concat());
        let length = message.len() as u32;
        message[..4].copy_from_slice(&length.to_le_bytes());
        message
    }

    #[test]
    fn a_command_is_told_by_its_first_field() {
        let insert = b"\0\x19\0\0\0\x02insert\0\x08\0\0\0records\0\0";
        let documents = b"\x01\x0e\0\0\0documents\0";
        let expected = Some(Asked { command: "insert".to_owned(), collection: "records".to_owned() });
        assert_eq!(asked(&sent(MESSAGE, &[insert, documents])), expected);
        assert_eq!(asked(&sent(MESSAGE, &[documents, insert])), expected);
        assert_eq!(asked(&sent(MESSAGE, &[b"\0\x10\0\0\0\x10hello\0\x01\0\0\0\0"])), None);
        assert_eq!(asked(&sent(2004, &[insert])), None);
        assert_eq!(asked(&sent(MESSAGE, &[b"\x01\xff\0\0\0"])), None);
    }
}
