//! Command and response APDUs in short and extended form, with chained commands and chained answers (ISO 7816-4).

use super::status::{self, Status};

/// A complete command. If a chain of APDUs forms the command, `data` is the joined data of these APDUs.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub cla: u8,
    pub ins: u8,
    pub p1: u8,
    pub p2: u8,
    pub data: Vec<u8>,
    /// The number of bytes that the client accepts in one answer.
    le: usize,
}

const SHORT: usize = 0x100;
const EXTENDED: usize = 0x1_0000;
const GET_RESPONSE: u8 = 0xc0;
/// The longest command that a chain can form, in bytes.
const CHAIN_MAX: usize = 4096;

impl Command {
    /// Parses one APDU. Returns `None` if the lengths in the APDU contradict each other.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[cla, ins, p1, p2], body) = bytes.split_first_chunk::<4>()?;
        let (data, le) = body_of(body)?;
        Some(Self { cla, ins, p1, p2, data: data.to_vec(), le })
    }

    fn is_chained(&self) -> bool {
        self.cla & 0x10 != 0
    }

    fn continues(&self, earlier: &Command) -> bool {
        (self.ins, self.p1, self.p2) == (earlier.ins, earlier.p1, earlier.p2)
    }
}

fn body_of(body: &[u8]) -> Option<(&[u8], usize)> {
    let short_le = |n: u8| if n == 0 { SHORT } else { usize::from(n) };
    let long = |a: u8, b: u8| usize::from(u16::from_be_bytes([a, b]));
    let long_le = |a, b| if long(a, b) == 0 { EXTENDED } else { long(a, b) };
    match *body {
        [] => Some((&[], SHORT)),
        [le] => Some((&[], short_le(le))),
        [0, a, b] => Some((&[], long_le(a, b))),
        [0, a, b, ref rest @ ..] => {
            let (data, le) = rest.split_at_checked(long(a, b))?;
            match *le {
                [] => Some((data, EXTENDED)),
                [a, b] => Some((data, long_le(a, b))),
                _ => None,
            }
        }
        [lc, ref rest @ ..] => {
            let (data, le) = rest.split_at_checked(usize::from(lc))?;
            match *le {
                [] => Some((data, SHORT)),
                [le] => Some((data, short_le(le))),
                _ => None,
            }
        }
    }
}

/// The state that is kept between APDUs: the chain of a command, and the chain of an answer.
#[derive(Default)]
pub(crate) struct Chains {
    incoming: Option<Command>,
    outgoing: Vec<u8>,
}

/// The next step after one APDU was received.
pub(crate) enum Step {
    /// Execute this command.
    Execute(Command),
    /// Return this answer. The answer confirms one APDU of a chained command, contains the next piece of a chained
    /// answer, or refuses the command.
    Answer(Vec<u8>),
}

impl Chains {
    /// Receives one APDU. Returns a command when the command's chain is complete.
    pub fn receive(&mut self, bytes: &[u8]) -> Step {
        let Some(mut command) = Command::parse(bytes) else {
            return Step::Answer(status::WRONG_LENGTH.bytes());
        };
        if command.ins == GET_RESPONSE {
            let rest = std::mem::take(&mut self.outgoing);
            return Step::Answer(self.send(rest, status::OK, command.le));
        }
        self.outgoing.clear();
        if let Some(mut earlier) = self.incoming.take().filter(|earlier| command.continues(earlier)) {
            earlier.data.append(&mut command.data);
            command.data = earlier.data;
        }
        if command.data.len() > CHAIN_MAX {
            return Step::Answer(status::WRONG_LENGTH.bytes());
        }
        if command.is_chained() {
            self.incoming = Some(command);
            return Step::Answer(status::OK.bytes());
        }
        Step::Execute(command)
    }

    /// Returns the answer to `command`. Bytes that do not fit into the answer are kept for GET RESPONSE.
    pub fn answer(&mut self, command: &Command, data: Vec<u8>, status: Status) -> Vec<u8> {
        self.send(data, status, command.le)
    }

    fn send(&mut self, mut data: Vec<u8>, status: Status, le: usize) -> Vec<u8> {
        if data.len() > le {
            self.outgoing = data.split_off(le);
            let more = u8::try_from(self.outgoing.len()).unwrap_or(0);
            data.extend([0x61, more]);
        } else {
            data.extend(status.bytes());
        }
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execute(chains: &mut Chains, bytes: &[u8]) -> Command {
        match chains.receive(bytes) {
            Step::Execute(command) => command,
            Step::Answer(answer) => panic!("answered {answer:02x?}"),
        }
    }

    #[test]
    fn every_form_of_an_apdus_length_is_parsed() {
        for (bytes, data, le) in [
            (&[0, 1, 2, 3][..], &[][..], 256),
            (&[0, 1, 2, 3, 9], &[], 9),
            (&[0, 1, 2, 3, 2, 7, 8], &[7, 8], 256),
            (&[0, 1, 2, 3, 2, 7, 8, 0], &[7, 8], 256),
            (&[0, 1, 2, 3, 0, 1, 0], &[], 256),
            (&[0, 1, 2, 3, 0, 0, 2, 7, 8], &[7, 8], 65536),
            (&[0, 1, 2, 3, 0, 0, 2, 7, 8, 0, 5], &[7, 8], 5),
        ] {
            let command = Command::parse(bytes).expect("the command should be well-formed");
            assert_eq!((&command.data[..], command.le), (data, le), "{bytes:02x?}");
        }
        assert!(Command::parse(&[0, 1, 2, 3, 2, 7]).is_none());
        assert!(Command::parse(&[0, 1, 2]).is_none());
    }

    #[test]
    fn a_chained_command_is_joined() {
        let mut chains = Chains::default();
        assert!(matches!(chains.receive(&[0x10, 1, 2, 3, 2, 7, 8]), Step::Answer(a) if a == [0x90, 0]));
        assert_eq!(execute(&mut chains, &[0, 1, 2, 3, 1, 9]).data, [7, 8, 9]);
        assert_eq!(execute(&mut chains, &[0, 1, 2, 3, 1, 9]).data, [9]);
    }

    #[test]
    fn a_long_answer_is_sent_in_pieces() {
        let mut chains = Chains::default();
        let command = execute(&mut chains, &[0, 1, 2, 3]);
        let first = chains.answer(&command, vec![5; 600], status::OK);
        assert_eq!(first[256..], [0x61, 0]);
        let Step::Answer(second) = chains.receive(&[0, 0xc0, 0, 0, 0]) else { panic!("not answered") };
        assert_eq!(second[256..], [0x61, 88]);
        let Step::Answer(third) = chains.receive(&[0, 0xc0, 0, 0, 88]) else { panic!("not answered") };
        assert_eq!(third[88..], [0x90, 0]);
    }
}
