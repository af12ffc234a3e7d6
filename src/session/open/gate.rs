//! The lane `gate`. To open a window, the program writes a policy to the emergency user and detaches `AWSDenyAll`. To
//! close the window, the program attaches `AWSDenyAll` again.

use std::path::Path;

use super::run::{EmergencyKey, OpenRun};
use crate::aws::emergency::{EmergencyUser, SessionCall};
use crate::aws::principals::{IamCloser, IamOpener};
use crate::gate::OpenProgress;
use crate::gate::observed::Expected;
use crate::gate::open::{HandOut, OpenPlan, open};
use crate::session::closer::CloseGate;
use crate::session::driver::Run;
use crate::session::how_to_close::HowToClose;
use crate::session::outcome::RunOutcome;
use crate::terminal::signals::SessionSignals;
use crate::vault::payload::Gatekeepers;

/// Opens a window in the lane `gate`, keeps the window open until a cause ends it, and closes access.
pub(super) async fn open_gate(
    run: &OpenRun<'_>,
    vault: &Path,
    gatekeepers: Gatekeepers,
    emergency: EmergencyKey,
    signals: &mut SessionSignals,
) -> (RunOutcome, HowToClose) {
    let Gatekeepers { boundary, boundary_sha256, opener, closer } = gatekeepers;
    let EmergencyKey { key, mfa } = emergency;
    let expected = Expected {
        user: run.target.user.clone(),
        deny: run.target.deny_all_arn(),
        boundary: boundary.clone(),
        boundary_sha256,
        key: key.id.clone(),
        allows_extra_key: run.allows_extra_key,
    };
    let has_mfa = mfa.is_some();
    let user = EmergencyUser::new(run.aws, run.region(), &key, mfa, session_call(run.hand_out()));
    // `opener` has the only copy of the opener's key. The function `open` takes ownership of `opener` and drops the
    // key.
    let opener = IamOpener::new(run.aws, run.target, run.region(), boundary, opener);
    let iam = IamCloser::new(run.aws, run.target, run.region(), &closer);
    drop((closer, key));

    let context = run.context(&user);
    let how_to_close = HowToClose {
        vault: vault.to_owned(),
        target: run.target.clone(),
        key: Some(expected.key.clone()),
        role: None,
        profile: run.close_profile.map(str::to_owned),
    };
    let close = how_to_close.force_command();
    let plan = OpenPlan {
        expected: &expected,
        account: &run.target.account,
        grant: run.grant,
        regions: run.regions,
        mfa: has_mfa,
        session: run.session(),
        window: run.window,
        hand_out: run.hand_out(),
        close: &close,
    };
    let progress = OpenProgress::default();
    let strategy = CloseGate {
        closer: &iam,
        emergency: &user,
        deny: &expected.deny,
        key: Some(&expected.key),
        session: Some(run.session()),
    };
    let opening = async {
        let window = Box::pin(open(opener, &iam, &user, &plan, &progress, &context)).await?;
        run.sign_in(window, &user).await
    };
    let drive = Run { context: &context, progress: &progress, strategy: &strategy, until: None };
    let outcome = drive.open(opening, run.faults, signals).await;
    (outcome, how_to_close)
}

fn session_call(hand_out: HandOut) -> SessionCall {
    match hand_out {
        HandOut::Console => SessionCall::GetFederationToken,
        HandOut::Nothing | HandOut::Session => SessionCall::GetSessionToken,
    }
}
