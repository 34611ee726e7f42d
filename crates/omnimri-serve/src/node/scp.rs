//! Associations of others with us: C-ECHO, C-STORE, and the N-EVENT-REPORT of Storage Commitment.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dicom_dictionary_std::uids;
use dicom_ul::association::server::{AccessControl, Negotiation, ServerAssociationOptions};
use dicom_ul::association::{CloseSocket, ServerAssociation, read_pdu_from_wire};
use dicom_ul::pdu::{
    AssociationRJ, AssociationRJResult, AssociationRJServiceProviderPresentationReason,
    AssociationRJServiceUserReason, AssociationRJSource, Pdu, PresentationContextNegotiated,
    PresentationContextResultReason, RequestorRoles, UserIdentity,
};

use super::commitment;
use super::config::NodeConfig;
use super::dimse::{Command, Event, Inbox, element, field, send_command, status};
use super::error::{NodeError, Result};
use super::files::{Incoming, Meta};
use super::receive::{Intake, Refusal};
use super::syntaxes::{KEPT_CLASSES, READ_CLASSES, SYNTAXES, is_uid};

/// Largest association request before anything else is known of a caller whom there is no room for.
const REQUEST_BYTES: u32 = 64 << 10;

/// Who may call, and whom.
#[derive(Debug, Clone)]
struct Access {
    callers: Vec<String>,
    check_called: bool,
}

impl AccessControl for Access {
    fn check_access(
        &self,
        ours: &str,
        calling: &str,
        called: &str,
        _identity: Option<&UserIdentity>,
    ) -> std::result::Result<(), AssociationRJServiceUserReason> {
        use AssociationRJServiceUserReason as Reason;
        if self.check_called && called != ours {
            return Err(Reason::CalledAETitleNotRecognized);
        }
        if !self.callers.is_empty() && !self.callers.iter().any(|c| c == calling) {
            return Err(Reason::CallingAETitleNotRecognized);
        }
        Ok(())
    }
}

/// A peer that brings the result of a commitment is the service's provider (PS3.4 J.3.3).
#[derive(Debug, Clone, Copy)]
struct Roles;

impl Negotiation for Roles {
    fn negotiate_roles(&self, class: &str, scu: bool, scp: bool) -> Option<RequestorRoles> {
        (class == uids::STORAGE_COMMITMENT_PUSH_MODEL).then_some(RequestorRoles { scu, scp })
    }
}

/// What associations share.
pub(super) struct Acceptor {
    pub config: Arc<NodeConfig>,
    pub intake: Arc<Intake>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub stop: Arc<AtomicBool>,
}

impl Acceptor {
    /// Accepts until told to stop: a thread an association, a bounded number of them.
    pub fn run(self: Arc<Self>, listener: &TcpListener) {
        let busy = Arc::new(AtomicUsize::new(0));
        for stream in listener.incoming() {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let stream = match stream {
                Ok(stream) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: others end in the meantime.
                    tracing::warn!("cannot accept a connection: {error}");
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
            };
            let n = busy.fetch_add(1, Ordering::SeqCst);
            let most = self.config.max_associations;
            // As many again are told so; those beyond are not even listened to.
            if n >= 2 * most {
                busy.fetch_sub(1, Ordering::SeqCst);
                let _ = stream.shutdown(Shutdown::Both);
                continue;
            }
            let (this, place) = (Arc::clone(&self), Place(Arc::clone(&busy)));
            let spawned = std::thread::Builder::new()
                .name("association".to_owned())
                .spawn(move || {
                    let _place = place;
                    // Nothing of an association outlives it but what was recorded.
                    let one = AssertUnwindSafe(|| this.one(stream, n >= most));
                    match std::panic::catch_unwind(one) {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => tracing::info!("association ended: {error}"),
                        Err(_) => tracing::error!("an association failed; others go on"),
                    }
                });
            if let Err(error) = spawned {
                tracing::warn!("no thread for an association: {error}");
            }
        }
    }

    fn options(&self) -> ServerAssociationOptions<'static, Access, Roles> {
        let idle = Duration::from_secs(self.config.idle_s);
        let access = Access {
            callers: self.config.callers.clone(),
            check_called: self.config.check_called,
        };
        let mut options = ServerAssociationOptions::new()
            .ae_access_control(access)
            .with_negotiation(Roles)
            .ae_title(Cow::Owned(self.config.aet.clone()))
            .max_pdu_length(self.config.max_pdu)
            .strict(true)
            .read_timeout(idle)
            .write_timeout(idle);
        let services = [uids::VERIFICATION, uids::STORAGE_COMMITMENT_PUSH_MODEL];
        for class in services.into_iter().chain(READ_CLASSES).chain(KEPT_CLASSES) {
            options = options.with_abstract_syntax(class);
        }
        for syntax in SYNTAXES {
            options = options.with_transfer_syntax(syntax);
        }
        if let Some(tls) = &self.tls {
            options = options.tls_config(Arc::clone(tls));
        }
        options
    }

    fn one(&self, stream: TcpStream, full: bool) -> Result<()> {
        let _ = stream.set_nodelay(true);
        if full {
            return self.turn_away(stream);
        }
        let options = self.options();
        if self.tls.is_some() {
            self.serve(options.establish_tls(stream)?)
        } else {
            self.serve(options.establish(stream)?)
        }
    }

    /// Rejects for the time being: local limit exceeded (PS3.8 9.3.4).
    fn turn_away(&self, mut stream: TcpStream) -> Result<()> {
        if self.tls.is_some() {
            return Ok(());
        }
        let file = |e| NodeError::protocol(format!("{e}"));
        let patience = Some(Duration::from_secs(5));
        stream.set_read_timeout(patience).map_err(file)?;
        stream.set_write_timeout(patience).map_err(file)?;
        let mut buffer = bytes::BytesMut::new();
        read_pdu_from_wire(&mut stream, &mut buffer, REQUEST_BYTES, true)?;
        let rejection = Pdu::AssociationRJ(AssociationRJ {
            result: AssociationRJResult::Transient,
            source: AssociationRJSource::ServiceProviderPresentation(
                AssociationRJServiceProviderPresentationReason::LocalLimitExceeded,
            ),
        });
        let mut bytes = Vec::new();
        dicom_ul::write_pdu(&mut bytes, &rejection)
            .map_err(|e| NodeError::protocol(e.to_string()))?;
        stream.write_all(&bytes).map_err(file)
    }

    fn serve<S>(&self, mut association: ServerAssociation<S>) -> Result<()>
    where
        S: Read + Write + CloseSocket,
    {
        let mut inbox = Inbox::default();
        let ended = self.messages(&mut association, &mut inbox);
        match ended {
            Ok(true) => association.send(&Pdu::ReleaseRP).map_err(Into::into),
            Ok(false) => Ok(()),
            Err(error) => {
                // The reason goes to the log; the peer learns that it is over.
                let _ = association.abort();
                Err(error)
            }
        }
    }

    /// Answers messages; true if the peer asked for release, false if it is gone.
    fn messages<S>(&self, association: &mut ServerAssociation<S>, inbox: &mut Inbox) -> Result<bool>
    where
        S: Read + Write + CloseSocket,
    {
        loop {
            let (id, command) = match inbox.command(association)? {
                Event::Command(id, command) => (id, command),
                Event::Release => return Ok(true),
                Event::Abort => return Ok(false),
            };
            let contexts = association.presentation_contexts();
            let accepted = |c: &&PresentationContextNegotiated| {
                c.id == id && c.reason == PresentationContextResultReason::Acceptance
            };
            let Some(context) = contexts.iter().find(accepted).cloned() else {
                return Err(NodeError::protocol("a context that was not accepted"));
            };
            let caller = dicom_ul::association::Association::peer_ae_title(association).to_owned();
            let mut response = match command.number(element::COMMAND_FIELD) {
                Some(field::C_ECHO_RQ) => {
                    self.no_data(association, inbox, id, &command)?;
                    Command::response(&command, status::SUCCESS)
                }
                Some(field::C_STORE_RQ) => {
                    self.store(association, inbox, &context, &command, &caller)?
                }
                Some(field::N_EVENT_REPORT_RQ) => {
                    self.report(association, inbox, &context, &command, &caller)?
                }
                Some(field::C_CANCEL_RQ) => continue,
                _ => {
                    self.no_data(association, inbox, id, &command)?;
                    Command::response(&command, status::UNRECOGNIZED_OPERATION)
                }
            };
            if response.text(element::AFFECTED_CLASS).is_none() {
                response.put_uid(element::AFFECTED_CLASS, &context.abstract_syntax);
            }
            send_command(association, id, &response)?;
        }
    }

    /// Passes over a data set that nobody wants.
    fn no_data<S>(
        &self,
        association: &mut ServerAssociation<S>,
        inbox: &mut Inbox,
        id: u8,
        command: &Command,
    ) -> Result<()>
    where
        S: Read + Write + CloseSocket,
    {
        if command.has_data() {
            let _ = inbox.data(association, id, |_| Ok(()))?;
        }
        Ok(())
    }

    /// C-STORE: success is answered only when object, folder and record are on the disk.
    fn store<S>(
        &self,
        association: &mut ServerAssociation<S>,
        inbox: &mut Inbox,
        context: &PresentationContextNegotiated,
        command: &Command,
        caller: &str,
    ) -> Result<Command>
    where
        S: Read + Write + CloseSocket,
    {
        let class = command.text(element::AFFECTED_CLASS).unwrap_or_default();
        let uid = command.text(element::AFFECTED_INSTANCE).unwrap_or_default();
        let refuse = |status, why: &dyn std::fmt::Display| {
            tracing::warn!("C-STORE of {uid} from {caller} refused: {why}");
            let mut response = Command::response(command, status);
            response.put_comment(&why.to_string());
            response
        };
        if !command.has_data() {
            return Ok(refuse(status::CANNOT_UNDERSTAND, &"no data set"));
        }
        if class != context.abstract_syntax || !is_uid(&uid) {
            self.no_data(association, inbox, context.id, command)?;
            let why = "class or instance UID do not fit the context";
            return Ok(refuse(status::CLASS_NOT_SUPPORTED, &why));
        }
        let meta = Meta {
            class_uid: &class,
            sop_uid: &uid,
            transfer_syntax: context.transfer_syntax.trim_end_matches(['\0', ' ']),
            sender: caller,
        };
        let most = self.config.max_object_bytes;
        let mut incoming = Incoming::with_meta(&self.intake.folders, most, meta);
        let received = inbox.data(association, context.id, |bytes| match &mut incoming {
            Ok(incoming) => incoming.write(bytes),
            // Told below.
            Err(_) => Ok(()),
        })?;
        let kept = incoming
            .and_then(|incoming| received.map(|()| incoming))
            .map_err(Refusal::from)
            .and_then(|incoming| self.intake.keep(incoming, Some((&class, &uid)), None));
        Ok(match kept {
            Ok(_) => Command::response(command, status::SUCCESS),
            Err(why) => {
                let status = match &why {
                    Refusal::Malformed(_) | Refusal::Conflict(_) | Refusal::OtherPatient(_) => {
                        status::CANNOT_UNDERSTAND
                    }
                    Refusal::Unsupported(_) => status::CLASS_MISMATCH,
                    // A full disk for the most part: nothing was kept, and the sender may try again.
                    Refusal::Failed(_) => status::OUT_OF_RESOURCES,
                };
                refuse(status, &why)
            }
        })
    }

    /// N-EVENT-REPORT: what a peer commits to.
    fn report<S>(
        &self,
        association: &mut ServerAssociation<S>,
        inbox: &mut Inbox,
        context: &PresentationContextNegotiated,
        command: &Command,
        caller: &str,
    ) -> Result<Command>
    where
        S: Read + Write + CloseSocket,
    {
        if context.abstract_syntax != uids::STORAGE_COMMITMENT_PUSH_MODEL || !command.has_data() {
            self.no_data(association, inbox, context.id, command)?;
            return Ok(Command::response(command, status::UNRECOGNIZED_OPERATION));
        }
        let report = commitment::receive(association, inbox, context, &self.intake)?;
        let status =
            match report.and_then(|r| commitment::record(&r, caller, &self.intake, &self.config)) {
                Ok(()) => status::SUCCESS,
                Err(error) => {
                    tracing::warn!("N-EVENT-REPORT from {caller}: {error}");
                    0x0110 // Processing failure (PS3.7 C.5.12).
                }
            };
        Ok(Command::response(command, status))
    }
}

/// A place among the associations, free again when dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
