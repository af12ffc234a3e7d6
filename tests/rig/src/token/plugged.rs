//! A token in a reader. The token answers the APDUs of vpcd until the token or the daemon is removed.

use super::Token;
use super::apdu::{Chains, Step};
use std::net::{Shutdown, TcpStream};
use vpicc::{Connection, VSmartCard};

/// The answer to reset (ATR) of a YubiKey 5: T=1, with "YubiKey" among the historical bytes.
const ATR: &[u8] = &[
    0x3b, 0xfd, 0x13, 0x00, 0x00, 0x81, 0x31, 0xfe, 0x15, 0x80, 0x73, 0xc0, 0x21, 0xc0, 0x57, 0x59, 0x75,
    0x62, 0x69, 0x4b, 0x65, 0x79, 0x40,
];

/// A token and its connection to the reader.
pub(crate) struct Plugged {
    token: Token,
    wire: TcpStream,
    chains: Chains,
}

impl Plugged {
    /// Serves a plugged `token` on `wire` until either side closes the connection.
    pub fn serve(token: Token, wire: TcpStream) {
        let connection = Connection::from(wire.try_clone().expect("a socket should be duplicated"));
        let mut plugged = Self { token, wire, chains: Chains::default() };
        // `run` ends only when the connection is closed, so `run` always returns an error.
        let _ = connection.run(&mut plugged);
        plugged.token.unplug();
    }

    fn power_cycled(&mut self) {
        self.token.reset();
        self.chains = Chains::default();
    }
}

impl VSmartCard for Plugged {
    fn atr(&self) -> &[u8] {
        ATR
    }

    fn power_on(&mut self) {
        self.power_cycled();
    }

    fn power_off(&mut self) {
        self.power_cycled();
    }

    fn reset(&mut self) {
        self.power_cycled();
    }

    fn execute(&mut self, apdu: &[u8]) -> Vec<u8> {
        let command = match self.chains.receive(apdu) {
            Step::Execute(command) => command,
            Step::Answer(answer) => return answer,
        };
        let Some((data, status)) = self.token.run(&command) else {
            let _ = self.wire.shutdown(Shutdown::Both);
            return Vec::new();
        };
        self.chains.answer(&command, data, status)
    }
}
