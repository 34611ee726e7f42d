//! Associations of ours with peers: C-STORE of results, N-ACTION of Storage Commitment.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dicom_dictionary_std::uids;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use dicom_ul::association::{
    Association, ClientAssociation, ClientAssociationOptions, CloseSocket, SyncAssociation,
};
use dicom_ul::pdu::PresentationContextResultReason;

use super::commitment;
use super::config::{NodeConfig, Peer};
use super::dimse::{Command, Event, Inbox, element, field, send_command, status};
use super::error::{NodeError, Result};
use super::store::Waiting;

/// What a peer answered to an object.
#[derive(Debug)]
pub(super) enum Answer {
    /// It has it.
    Stored,
    /// It cannot take it now.
    Later(String),
    /// It does not take it.
    Refused(String),
}

/// Opens associations with one peer.
pub(super) struct Caller<'a> {
    pub config: &'a NodeConfig,
    pub peer: &'a Peer,
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl Caller<'_> {
    fn failed(&self, found: &dyn std::fmt::Display) -> NodeError {
        NodeError::Peer {
            peer: self.peer.aet.clone(),
            found: found.to_string(),
        }
    }

    fn options(&self) -> ClientAssociationOptions<'_> {
        let idle = Duration::from_secs(self.config.idle_s);
        ClientAssociationOptions::new()
            .calling_ae_title(self.config.aet.as_str())
            .called_ae_title(self.peer.aet.as_str())
            .max_pdu_length(self.config.max_pdu)
            .read_timeout(idle)
            .write_timeout(idle)
            .connection_timeout(idle.min(Duration::from_secs(10)))
    }

    /// Runs `talk` on an association with `options`.
    fn with<T>(&self, options: ClientAssociationOptions<'_>, talk: impl Talk<T>) -> Result<T> {
        use dicom_ul::association::Error as E;
        let address = self.peer.address.as_str();
        let wrong = |e: E| match e {
            E::NoAcceptedPresentationContexts { .. } => self.failed(&NO_CONTEXT),
            e => self.failed(&e),
        };
        match &self.tls {
            Some(tls) => {
                let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let options = options.tls_config(Arc::clone(tls)).server_name(host);
                talk.talk(options.establish_tls(address).map_err(wrong)?)
            }
            None => talk.talk(options.establish(address).map_err(wrong)?),
        }
    }

    /// Sends objects below `root`; `told` hears of each as soon as it was answered.
    ///
    /// # Errors
    /// If the peer cannot be reached or goes away; what was told of is settled, the rest is not.
    pub fn send(
        &self,
        root: &Path,
        items: &[Waiting],
        told: &mut dyn FnMut(&Waiting, Answer) -> Result<()>,
    ) -> Result<()> {
        let mut options = self.options();
        let mut classes: Vec<&str> = items.iter().map(|i| i.class_uid.as_str()).collect();
        classes.sort_unstable();
        classes.dedup();
        for class in classes {
            options = options.with_presentation_context(class, SYNTAXES.to_vec());
        }
        let sent = self.with(options, SendAll { root, items, told });
        match sent {
            Err(NodeError::Peer { found, .. }) if found == NO_CONTEXT => {
                for item in items {
                    told(item, Answer::Refused(NO_CONTEXT.to_owned()))?;
                }
                Ok(())
            }
            other => other,
        }
    }

    /// Asks for commitment to what was sent; false if the peer does not offer it.
    ///
    /// # Errors
    /// If the peer cannot be reached or refuses.
    pub fn ask(&self, transaction_uid: &str, items: &[Waiting]) -> Result<bool> {
        let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
        let options = self
            .options()
            .with_presentation_context(class, SYNTAXES.to_vec());
        let asked = self.with(
            options,
            Ask {
                transaction_uid,
                items,
            },
        );
        match asked {
            Err(NodeError::Peer { found, .. }) if found == NO_CONTEXT => Ok(false),
            other => other,
        }
    }
}

const NO_CONTEXT: &str = "no presentation context was accepted";

/// Our results are Explicit VR Little Endian; the other is what every peer must take (PS3.5 10.1).
const SYNTAXES: [&str; 2] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
];

/// What is said on an association, whatever carries it.
trait Talk<T> {
    fn talk<S: Read + Write + CloseSocket>(self, association: ClientAssociation<S>) -> Result<T>;
}

struct SendAll<'a> {
    root: &'a Path,
    items: &'a [Waiting],
    told: &'a mut dyn FnMut(&Waiting, Answer) -> Result<()>,
}

impl Talk<()> for SendAll<'_> {
    fn talk<S: Read + Write + CloseSocket>(
        self,
        mut association: ClientAssociation<S>,
    ) -> Result<()> {
        let mut inbox = Inbox::default();
        for (n, item) in self.items.iter().enumerate() {
            let Some((id, syntax)) = context(&association, &item.class_uid) else {
                let why = format!("SOP class {} was not accepted", item.class_uid);
                (self.told)(item, Answer::Refused(why))?;
                continue;
            };
            let data = match data_set(&self.root.join(&item.path), &syntax) {
                Ok(data) => data,
                Err(error) => {
                    (self.told)(item, Answer::Later(error.to_string()))?;
                    continue;
                }
            };
            let mut command = Command::request(field::C_STORE_RQ, n as u16 + 1, true);
            command.put_uid(element::AFFECTED_CLASS, &item.class_uid);
            command.put_uid(element::AFFECTED_INSTANCE, &item.sop_uid);
            command.put_u16(element::PRIORITY, 0);
            send_command(&mut association, id, &command)?;
            write_data(&mut association, id, &data)?;
            let response = answer(&mut association, &mut inbox, n as u16 + 1)?;
            let code = response.number(element::STATUS).unwrap_or(0xffff);
            let why = || {
                let comment = response.text(element::ERROR_COMMENT).unwrap_or_default();
                format!("status {code:04X} {comment}").trim_end().to_owned()
            };
            (self.told)(
                item,
                match code {
                    // Success and warnings: it is stored.
                    status::SUCCESS | 0x0001 | 0x0107 | 0x0116 | 0xb000..=0xbfff => Answer::Stored,
                    0xa700..=0xa7ff => Answer::Later(why()),
                    _ => Answer::Refused(why()),
                },
            )?;
        }
        // Everything is answered: how the peer parts does not matter.
        let _ = SyncAssociation::release(association);
        Ok(())
    }
}

struct Ask<'a> {
    transaction_uid: &'a str,
    items: &'a [Waiting],
}

impl Talk<bool> for Ask<'_> {
    fn talk<S: Read + Write + CloseSocket>(
        self,
        mut association: ClientAssociation<S>,
    ) -> Result<bool> {
        let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
        let Some((id, syntax)) = context(&association, class) else {
            return Ok(false);
        };
        let object = commitment::request(self.transaction_uid, self.items);
        let data = encode(&object, &syntax)?;
        let mut command = Command::request(field::N_ACTION_RQ, 1, true);
        command.put_uid(element::REQUESTED_CLASS, class);
        command.put_uid(
            element::REQUESTED_INSTANCE,
            uids::STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
        );
        command.put_u16(element::ACTION_TYPE, 1);
        send_command(&mut association, id, &command)?;
        write_data(&mut association, id, &data)?;
        let response = answer(&mut association, &mut Inbox::default(), 1)?;
        let code = response.number(element::STATUS).unwrap_or(0xffff);
        // The report comes on an association of the peer's own.
        let _ = SyncAssociation::release(association);
        match code {
            status::SUCCESS => Ok(true),
            _ => Err(NodeError::protocol(format!("N-ACTION status {code:04X}"))),
        }
    }
}

/// Accepted context and transfer syntax of a class.
fn context<S: Read + Write + CloseSocket>(
    association: &ClientAssociation<S>,
    class: &str,
) -> Option<(u8, String)> {
    let contexts = Association::presentation_contexts(association);
    let found = contexts.iter().find(|c| {
        c.abstract_syntax == class && c.reason == PresentationContextResultReason::Acceptance
    })?;
    let syntax = found.transfer_syntax.trim_end_matches(['\0', ' ']);
    Some((found.id, syntax.to_owned()))
}

fn write_data<S, A>(association: &mut A, id: u8, data: &[u8]) -> Result<()>
where
    S: Read + Write + CloseSocket,
    A: SyncAssociation<S>,
{
    let io = |e: std::io::Error| NodeError::protocol(format!("sending a data set: {e}"));
    let mut writer = association.send_pdata(id);
    writer.write_all(data).map_err(io)?;
    writer.finish().map_err(io)
}

/// The response to message `id`.
fn answer<S, A>(association: &mut A, inbox: &mut Inbox, id: u16) -> Result<Command>
where
    S: Read + Write + CloseSocket,
    A: SyncAssociation<S>,
{
    match inbox.command(association)? {
        Event::Command(_, response) if response.number(element::RESPONDED_ID) == Some(id) => {
            Ok(response)
        }
        Event::Command(..) => Err(NodeError::protocol("an answer to another message")),
        Event::Release | Event::Abort => Err(NodeError::protocol("the peer ended")),
    }
}

/// The data set of one of our own files in a transfer syntax of [`SYNTAXES`].
fn data_set(path: &Path, syntax: &str) -> Result<Vec<u8>> {
    let mut bytes = std::fs::read(path).map_err(NodeError::file(path))?;
    if syntax == uids::EXPLICIT_VR_LITTLE_ENDIAN {
        // Preamble, DICM, and the group length of the meta information (PS3.10 7.1).
        let length = bytes.get(140..144).and_then(|b| b.try_into().ok());
        let start = length.map_or(usize::MAX, |b| {
            (u32::from_le_bytes(b) as usize).saturating_add(144)
        });
        if start > bytes.len() {
            return Err(NodeError::protocol("a stored object that is cut"));
        }
        bytes.drain(..start);
        return Ok(bytes);
    }
    let object = dicom_object::from_reader(bytes.as_slice()).map_err(|e| NodeError::Amend {
        path: path.to_owned(),
        found: e.to_string(),
    })?;
    encode(&object, syntax)
}

fn encode(object: &dicom_object::InMemDicomObject, syntax: &str) -> Result<Vec<u8>> {
    let unknown = || NodeError::protocol(format!("transfer syntax {syntax} was not proposed"));
    let syntax = TransferSyntaxRegistry.get(syntax).ok_or_else(unknown)?;
    let mut bytes = Vec::new();
    object
        .write_dataset_with_ts(&mut bytes, syntax)
        .map_err(|e| NodeError::protocol(e.to_string()))?;
    Ok(bytes)
}
