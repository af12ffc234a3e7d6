//! The lane `gate`: a policy on the user, written, lifted and shut again.

use super::{Emergency, Scene, end_with};
use crate::aws::emergency::{EmergencyUser, SessionCall};
use crate::aws::principals::{IamCloser, IamOpener, Place};
use crate::error::{Error, Result};
use crate::gate::OpenProgress;
use crate::gate::grant;
use crate::gate::open::{HandOut, Plan, open};
use crate::gate::rest::Expected;
use crate::session::closer::Closing;
use crate::session::driver::drive;
use crate::session::messages::HowToClose;
use crate::terminal::signals::SessionSignals;
use crate::vault::manifest::Lane;
use crate::vault::payload::Gatekeepers;

pub(crate) async fn keep(
    scene: Scene<'_>,
    gatekeepers: Gatekeepers,
    emergency: Emergency,
    signals: &mut SessionSignals,
) -> Result<()> {
    let hand_out = scene.hand_out();
    if hand_out == HandOut::Console {
        may_sign_in(&scene)?;
    }
    let base = scene.base;
    let Gatekeepers { boundary, boundary_sha256, opener, closer } = gatekeepers;
    let expected = Expected {
        user: scene.target.user.clone(),
        deny: scene.target.deny_all_arn(),
        boundary: boundary.clone(),
        boundary_sha256,
        key: emergency.key.id.clone(),
    };
    let place = Place {
        partition: scene.target.partition.clone(),
        region: scene.region().to_owned(),
        user: scene.target.user.clone(),
        boundary: Some(boundary),
    };
    // The opener's key lives in this client alone, and the client in the sequence that drops it.
    let opener = IamOpener::new(base, &place, opener);
    let own_closer = IamCloser::new(base, &place, &closer);
    let source = if hand_out == HandOut::Console {
        SessionCall::GetFederationToken
    } else {
        SessionCall::GetSessionToken
    };
    let mfa = emergency.mfa;
    let demands_mfa = mfa.is_some();
    let user = EmergencyUser::new(base, &place.region, &emergency.key, mfa, source);
    drop((closer, emergency.key));

    let how = HowToClose::of(&scene.vault, &scene.target, Lane::Gate);
    let stage = scene.stage(&user, HowToClose { key: Some(expected.key.clone()), ..how });
    let plan = Plan {
        expected: &expected,
        account: &scene.target.account,
        grant: &scene.grant,
        regions: &scene.regions,
        mfa: demands_mfa,
        session: scene.session,
        window: scene.window,
        hand_out,
    };
    let trail = OpenProgress::default();
    let keys = [expected.key.clone()];
    let closing =
        Closing { closer: &own_closer, emergency: &user, deny: &expected.deny, keys: Some(&keys), own: true };
    let opening = scene.running(&stage, open(opener, &own_closer, &user, &plan, &trail, &stage));
    let end = drive(&stage, &trail, opening, &closing, &scene.work, signals).await;
    end_with(&scene, &stage, &trail, end, signals).await
}

/// Known before the first call to AWS.
fn may_sign_in(scene: &Scene<'_>) -> Result<()> {
    let name = &scene.target.name;
    if grant::allows(&scene.grant, "sts", "getfederationtoken") {
        return Ok(());
    }
    Err(Error::usage(format!(
        "the grant of {name} does not allow sts:GetFederationToken, which --console needs"
    ))
    .next("open without --console; seal a grant that allows it for the next time"))
}
