//! A proxy that stands before the server: it passes calls through, counts them, delays them, and can make
//! them fail in the ways that AWS and networks fail.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::wire::{Message, denial_code, error};

/// What to do with a call instead of passing it through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refuse it as AWS refuses a caller without the permission.
    Refuse,
    /// Answer that there are too many calls.
    Throttle,
    /// Answer 500.
    Internal,
    /// Answer what is no answer.
    Garbage,
    /// End the connection in the middle of the answer.
    Cut,
    /// Never answer.
    Hang,
    /// Answer that the credentials have expired.
    Expire,
    /// Answer as S3 does to callers of other accounts.
    OtherAccount,
}

/// When to do it.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Operations, or actions, by name; empty: all.
    of: Vec<String>,
    fault: Fault,
    /// Calls that match before it begins.
    after: usize,
    /// How often it is done; `None`: for ever.
    times: Option<usize>,
    seen: usize,
}

type Answer = dyn Fn(&Message) -> Option<Message> + Send + Sync;

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    answers: Vec<Arc<Answer>>,
    held: Option<Arc<dyn Fn(&Message) -> bool + Send + Sync>>,
    delay: Duration,
    calls: Vec<Call>,
    /// The deepest call that has ended.
    finished: usize,
    most_under_way: BTreeMap<&'static str, usize>,
    now: BTreeMap<&'static str, usize>,
}

/// One call that came.
#[derive(Clone, Debug)]
pub struct Call {
    /// `IAM`.
    pub service: &'static str,
    /// `GetRole`.
    pub operation: &'static str,
    /// What tells it from other calls of the operation.
    pub subject: String,
    /// The longest chain of calls of which each began after the one before it had ended, this one included.
    pub depth: usize,
}

/// A proxy of one test.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    /// Listens before the server.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    // A client that goes away is none of the proxy's business.
                    let _ = serve(&connection, server, &shared);
                    let _ = connection.shutdown(Shutdown::Both);
                });
            }
        });
        Self { address, state }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Makes calls of these operations (or of these IAM actions) fail.
    pub fn fail(&self, of: &[&str], fault: Fault) -> &Self {
        self.rule(of, fault, 0, None)
    }

    /// The same for the first `times` calls.
    pub fn fail_first(&self, of: &[&str], fault: Fault, times: usize) -> &Self {
        self.rule(of, fault, 0, Some(times))
    }

    /// The same for all calls but the first `after`.
    pub fn fail_after(&self, of: &[&str], fault: Fault, after: usize) -> &Self {
        self.rule(of, fault, after, None)
    }

    fn rule(&self, of: &[&str], fault: Fault, after: usize, times: Option<usize>) -> &Self {
        let of = of.iter().map(|name| (*name).to_owned()).collect();
        self.state().rules.push(Rule { of, fault, after, times, seen: 0 });
        self
    }

    /// Answers calls itself where `answer` does.
    pub fn answer(&self, answer: impl Fn(&Message) -> Option<Message> + Send + Sync + 'static) -> &Self {
        self.state().answers.push(Arc::new(answer));
        self
    }

    /// Never answers the calls that `which` picks.
    pub fn hold(&self, which: impl Fn(&Message) -> bool + Send + Sync + 'static) -> &Self {
        self.state().held = Some(Arc::new(which));
        self
    }

    /// Holds each call back for so long.
    pub fn delay(&self, delay: Duration) -> &Self {
        self.state().delay = delay;
        self
    }

    /// Calls that came, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How many calls of an operation came.
    pub fn count(&self, operation: &str) -> usize {
        self.state().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// The most calls of an operation that were under way at once.
    pub fn most_at_once(&self, operation: &str) -> usize {
        self.state().most_under_way.get(operation).copied().unwrap_or(0)
    }
}

fn serve(connection: &TcpStream, server: SocketAddr, state: &Mutex<State>) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut writer = connection.try_clone()?;
    while let Some(request) = Message::read(&mut reader, false)? {
        let bodyless = request.method() == "HEAD";
        let (depth, fault, delay) = begin(state, &request);
        thread::sleep(delay);
        let held = state.lock().unwrap().held.clone();
        let fault = if held.is_some_and(|held| held(&request)) { Some(Fault::Hang) } else { fault };
        let answered = match fault {
            Some(Fault::Hang) => {
                // Until the client gives up.
                Message::read(&mut reader, false)?;
                return Ok(());
            }
            Some(Fault::Cut) => {
                end(state, &request, depth);
                return writer.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: 5000\r\n\r\n<Get",
                );
            }
            Some(fault) => wrong(fault, &request),
            None => answer(state, &request).map_or_else(|| forward(&request, server, bodyless), Ok)?,
        };
        end(state, &request, depth);
        answered.write(&mut writer, bodyless)?;
    }
    Ok(())
}

/// Notes a call, and says its depth and what is to happen to it.
fn begin(state: &Mutex<State>, request: &Message) -> (usize, Option<Fault>, Duration) {
    let operation = request.operation();
    let mut state = state.lock().unwrap();
    let depth = state.finished + 1;
    state.calls.push(Call {
        service: operation.service,
        operation: operation.name,
        subject: subject(request),
        depth,
    });
    let now = state.now.entry(operation.name).or_default();
    *now += 1;
    let now = *now;
    let most = state.most_under_way.entry(operation.name).or_default();
    *most = now.max(*most);
    let rules = state.rules.iter_mut().filter(|rule| {
        rule.of.is_empty() || rule.of.iter().any(|name| name == operation.name || name == operation.action)
    });
    let mut fault = None;
    for rule in rules {
        rule.seen += 1;
        if rule.seen > rule.after && rule.times.is_none_or(|times| rule.seen <= rule.after + times) {
            fault = fault.or(Some(rule.fault));
        }
    }
    (depth, fault, state.delay)
}

/// Notes that a call of this depth has been answered: what begins later is deeper.
fn end(state: &Mutex<State>, request: &Message, depth: usize) {
    let mut state = state.lock().unwrap();
    state.finished = state.finished.max(depth);
    if let Some(now) = state.now.get_mut(request.operation().name) {
        *now -= 1;
    }
}

fn subject(request: &Message) -> String {
    format!("{} {}", request.target(), String::from_utf8_lossy(&request.body))
}

fn answer(state: &Mutex<State>, request: &Message) -> Option<Message> {
    let answers = state.lock().unwrap().answers.clone();
    answers.iter().find_map(|answer| answer(request))
}

fn wrong(fault: Fault, request: &Message) -> Message {
    let operation = request.operation();
    match fault {
        Fault::Refuse => {
            let message = format!(
                "User: arn:aws:iam::{}:user/caller is not authorized to perform: {} because no identity-based policy allows the {} action",
                request.access_key(),
                operation.action,
                operation.action
            );
            let mut answer = error(operation, 403, denial_code(operation), &message);
            if operation.service == "S3" {
                // S3 says where a bucket is, authorised or not.
                answer.headers.push(("x-amz-bucket-region".to_owned(), request.region().to_owned()));
            }
            answer
        }
        Fault::Throttle => {
            let code = if operation.service == "S3" { "SlowDown" } else { "ThrottlingException" };
            error(operation, if operation.service == "S3" { 503 } else { 400 }, code, "Rate exceeded")
        }
        Fault::Internal => error(operation, 500, "InternalFailure", "We encountered an internal error"),
        Fault::Expire => error(
            operation,
            403,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        Fault::OtherAccount => error(
            operation,
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ),
        Fault::Garbage | Fault::Cut | Fault::Hang => Message::answer(200, "text/html", "<html><p>not AWS"),
    }
}

fn forward(request: &Message, server: SocketAddr, bodyless: bool) -> io::Result<Message> {
    let mut connection = TcpStream::connect(server)?;
    let mut request = request.clone();
    request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("connection"));
    request.headers.push(("connection".to_owned(), "close".to_owned()));
    request.write(&mut connection, false)?;
    let mut answer = Message::read(&mut BufReader::new(connection), bodyless)?.unwrap_or_default();
    answer.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("connection"));
    Ok(answer)
}
