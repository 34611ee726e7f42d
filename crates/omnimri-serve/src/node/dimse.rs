//! DIMSE messages: command sets (PS3.7 6.3, E) and data sets in P-DATA.
//!
//! A command set is a flat list of little-endian elements of implicit value representation; it is written and parsed here, with every
//! length checked, since what arrives may be anything.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use dicom_ul::association::{CloseSocket, SyncAssociation};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};

use super::error::{NodeError, Result};

/// Most bytes of a command set.
const MOST_COMMAND_BYTES: usize = 16 << 10;

/// Command fields (PS3.7 E.1).
pub(super) mod field {
    pub const C_STORE_RQ: u16 = 0x0001;
    pub const C_ECHO_RQ: u16 = 0x0030;
    pub const C_CANCEL_RQ: u16 = 0x0fff;
    pub const N_EVENT_REPORT_RQ: u16 = 0x0100;
    pub const N_ACTION_RQ: u16 = 0x0130;
    /// Set in the response to a request.
    pub const RESPONSE: u16 = 0x8000;
}

/// Statuses (PS3.7 C, PS3.4 B.2.3).
pub(super) mod status {
    pub const SUCCESS: u16 = 0x0000;
    pub const OUT_OF_RESOURCES: u16 = 0xa700;
    pub const CLASS_MISMATCH: u16 = 0xa900;
    pub const CANNOT_UNDERSTAND: u16 = 0xc000;
    pub const UNRECOGNIZED_OPERATION: u16 = 0x0211;
    pub const CLASS_NOT_SUPPORTED: u16 = 0x0122;
}

/// Element numbers of group 0000.
pub(super) mod element {
    pub const AFFECTED_CLASS: u16 = 0x0002;
    pub const REQUESTED_CLASS: u16 = 0x0003;
    pub const COMMAND_FIELD: u16 = 0x0100;
    pub const MESSAGE_ID: u16 = 0x0110;
    pub const RESPONDED_ID: u16 = 0x0120;
    pub const PRIORITY: u16 = 0x0700;
    pub const DATA_SET_TYPE: u16 = 0x0800;
    pub const STATUS: u16 = 0x0900;
    pub const ERROR_COMMENT: u16 = 0x0902;
    pub const AFFECTED_INSTANCE: u16 = 0x1000;
    pub const REQUESTED_INSTANCE: u16 = 0x1001;
    pub const EVENT_TYPE: u16 = 0x1002;
    pub const ACTION_TYPE: u16 = 0x1008;
}

/// Data Set Type of a command without a data set.
const NO_DATA_SET: u16 = 0x0101;

/// A command set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Command(BTreeMap<u16, Vec<u8>>);

impl Command {
    /// A request.
    pub fn request(command: u16, id: u16, has_data: bool) -> Self {
        let mut set = Self::default();
        set.put_u16(element::COMMAND_FIELD, command);
        set.put_u16(element::MESSAGE_ID, id);
        set.put_u16(
            element::DATA_SET_TYPE,
            if has_data { 1 } else { NO_DATA_SET },
        );
        set
    }

    /// The response to `request`, with the UIDs that it names.
    pub fn response(request: &Self, status: u16) -> Self {
        let mut set = Self::default();
        set.put_u16(
            element::COMMAND_FIELD,
            request.number(element::COMMAND_FIELD).unwrap_or(0) | field::RESPONSE,
        );
        let id = request.number(element::MESSAGE_ID).unwrap_or(0);
        set.put_u16(element::RESPONDED_ID, id);
        set.put_u16(element::DATA_SET_TYPE, NO_DATA_SET);
        set.put_u16(element::STATUS, status);
        for (to, from) in [
            (element::AFFECTED_CLASS, element::REQUESTED_CLASS),
            (element::AFFECTED_INSTANCE, element::REQUESTED_INSTANCE),
        ] {
            let uid = request.text(to).or_else(|| request.text(from));
            if let Some(uid) = uid {
                set.put_uid(to, &uid);
            }
        }
        for same in [element::EVENT_TYPE, element::ACTION_TYPE] {
            if let Some(value) = request.number(same) {
                set.put_u16(same, value);
            }
        }
        set
    }

    pub fn put_u16(&mut self, element: u16, value: u16) {
        self.0.insert(element, value.to_le_bytes().to_vec());
    }

    /// A UID, padded with a null (PS3.5 9.1).
    pub fn put_uid(&mut self, element: u16, uid: &str) {
        let mut bytes = uid.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(0);
        }
        self.0.insert(element, bytes);
    }

    /// Why a request was refused: at most 64 characters, no backslash.
    pub fn put_comment(&mut self, text: &str) {
        let clean = |c: char| {
            if c.is_ascii_graphic() && c != '\\' {
                c
            } else {
                ' '
            }
        };
        let mut bytes: Vec<u8> = text.chars().map(clean).take(64).map(|c| c as u8).collect();
        if bytes.len() % 2 == 1 {
            bytes.push(b' ');
        }
        self.0.insert(element::ERROR_COMMENT, bytes);
    }

    pub fn number(&self, element: u16) -> Option<u16> {
        let bytes = self.0.get(&element)?;
        Some(u16::from_le_bytes([*bytes.first()?, *bytes.get(1)?]))
    }

    /// Text without padding; `None` if absent, empty or not ASCII.
    pub fn text(&self, element: u16) -> Option<String> {
        let text = std::str::from_utf8(self.0.get(&element)?).ok()?;
        let text = text.trim_matches(|c| c == '\0' || c == ' ');
        (!text.is_empty() && text.is_ascii()).then(|| text.to_owned())
    }

    pub fn has_data(&self) -> bool {
        self.number(element::DATA_SET_TYPE)
            .is_some_and(|t| t != NO_DATA_SET)
    }

    /// Encoded, group length first.
    pub fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for (element, value) in &self.0 {
            push_element(&mut body, *element, value);
        }
        let mut bytes = Vec::new();
        push_element(&mut bytes, 0x0000, &(body.len() as u32).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// Parses a command set.
    pub fn decode(mut bytes: &[u8]) -> Result<Self> {
        let mut set = BTreeMap::new();
        while !bytes.is_empty() {
            let Some((head, rest)) = bytes.split_first_chunk::<8>() else {
                return Err(NodeError::protocol("a command element that is cut"));
            };
            let [g0, g1, e0, e1, l0, l1, l2, l3] = *head;
            if [g0, g1] != [0, 0] {
                return Err(NodeError::protocol("a command element of another group"));
            }
            let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let Some((value, rest)) = rest.split_at_checked(len) else {
                return Err(NodeError::protocol("a command element that is cut"));
            };
            set.insert(u16::from_le_bytes([e0, e1]), value.to_vec());
            bytes = rest;
        }
        set.remove(&0);
        let set = Self(set);
        match set.number(element::COMMAND_FIELD) {
            Some(_) => Ok(set),
            None => Err(NodeError::protocol("a command without a command field")),
        }
    }
}

fn push_element(bytes: &mut Vec<u8>, element: u16, value: &[u8]) {
    bytes.extend([0, 0]);
    bytes.extend(element.to_le_bytes());
    bytes.extend((value.len() as u32).to_le_bytes());
    bytes.extend(value);
}

/// What comes next on an association.
#[derive(Debug)]
pub(super) enum Event {
    /// A command and its presentation context; its data set, if any, follows.
    Command(u8, Command),
    /// The peer wants to end.
    Release,
    /// The peer ended.
    Abort,
}

/// Reads messages of an association.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: std::collections::VecDeque<PDataValue>,
}

impl Inbox {
    fn next<S, A>(&mut self, association: &mut A) -> Result<std::result::Result<PDataValue, Event>>
    where
        S: Read + Write + CloseSocket,
        A: SyncAssociation<S>,
    {
        loop {
            if let Some(value) = self.waiting.pop_front() {
                return Ok(Ok(value));
            }
            match SyncAssociation::receive(association)? {
                Pdu::PData { data } => self.waiting.extend(data),
                Pdu::ReleaseRQ => return Ok(Err(Event::Release)),
                Pdu::AbortRQ { .. } => return Ok(Err(Event::Abort)),
                _ => return Err(NodeError::protocol("an unexpected PDU")),
            }
        }
    }

    /// The next command, or the end.
    pub fn command<S, A>(&mut self, association: &mut A) -> Result<Event>
    where
        S: Read + Write + CloseSocket,
        A: SyncAssociation<S>,
    {
        let mut bytes = Vec::new();
        loop {
            let value = match self.next(association)? {
                Ok(value) => value,
                Err(end) => return Ok(end),
            };
            if value.value_type != PDataValueType::Command {
                return Err(NodeError::protocol("a data set without a command"));
            }
            if bytes.len() + value.data.len() > MOST_COMMAND_BYTES {
                return Err(NodeError::protocol("a command set that is too long"));
            }
            bytes.extend(value.data);
            if value.is_last {
                let command = Command::decode(&bytes)?;
                return Ok(Event::Command(value.presentation_context_id, command));
            }
        }
    }

    /// Hands the data set that follows a command in context `id` to `take`, piece by piece.
    ///
    /// An error of `take` does not end the transfer: the rest is passed over, so that the association lives on.
    pub fn data<S, A>(
        &mut self,
        association: &mut A,
        id: u8,
        mut take: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<Result<()>>
    where
        S: Read + Write + CloseSocket,
        A: SyncAssociation<S>,
    {
        let mut outcome = Ok(());
        loop {
            let Ok(value) = self.next(association)? else {
                return Err(NodeError::protocol("an end in the middle of a data set"));
            };
            if value.value_type != PDataValueType::Data || value.presentation_context_id != id {
                return Err(NodeError::protocol("a command in the middle of a data set"));
            }
            if outcome.is_ok() {
                outcome = take(&value.data);
            }
            if value.is_last {
                return Ok(outcome);
            }
        }
    }
}

/// Sends a command set in context `id`.
pub(super) fn send_command<S, A>(association: &mut A, id: u8, command: &Command) -> Result<()>
where
    S: Read + Write + CloseSocket,
    A: SyncAssociation<S>,
{
    let message = Pdu::PData {
        data: vec![PDataValue {
            presentation_context_id: id,
            value_type: PDataValueType::Command,
            is_last: true,
            data: command.encode(),
        }],
    };
    SyncAssociation::send(association, &message)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_return_as_they_were() {
        let mut command = Command::request(field::C_STORE_RQ, 7, true);
        command.put_uid(element::AFFECTED_CLASS, "1.2.3");
        command.put_uid(element::AFFECTED_INSTANCE, "1.2.3.4");
        command.put_u16(element::PRIORITY, 0);
        let bytes = command.encode();
        // Group length: (0000,0000), 4 bytes, the number of bytes that follow.
        let n = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
        assert_eq!(n, bytes.len() - 12);
        let back = Command::decode(&bytes).unwrap();
        assert_eq!(back, command);
        assert!(back.has_data());
        let response = Command::response(&back, status::OUT_OF_RESOURCES);
        assert_eq!(response.number(element::COMMAND_FIELD), Some(0x8001));
        assert_eq!(response.number(element::RESPONDED_ID), Some(7));
        let uid = response.text(element::AFFECTED_INSTANCE);
        assert_eq!(uid.as_deref(), Some("1.2.3.4"));
        assert!(!response.has_data());
    }

    #[test]
    fn malformed_commands_are_errors() {
        let good = Command::request(field::C_ECHO_RQ, 1, false).encode();
        for n in 1..good.len() {
            // Cut anywhere: an error or a shorter command, never a panic.
            let _ = Command::decode(&good[..n]);
        }
        assert!(Command::decode(&good[..good.len() - 1]).is_err());
        assert!(Command::decode(&[]).is_err());
        let mut long = good.clone();
        long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Command::decode(&long).is_err());
        let mut group = good;
        group[0] = 8;
        assert!(Command::decode(&group).is_err());
    }
}
