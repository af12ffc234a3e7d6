//! The lane `static`: a role's session under MFA. No IAM write, and nothing kept that could prolong it.

use super::{Emergency, Scene, end_with};
use crate::aws::emergency::{EmergencyUser, SessionCall};
use crate::error::Result;
use crate::gate::OpenProgress;
use crate::gate::role::{Plan, assume};
use crate::session::closer::LettingGo;
use crate::session::driver::drive;
use crate::session::messages::HowToClose;
use crate::terminal::signals::SessionSignals;
use crate::vault::manifest::Lane;

pub(crate) async fn keep(
    scene: Scene<'_>,
    role: String,
    emergency: Emergency,
    signals: &mut SessionSignals,
) -> Result<()> {
    let Emergency { key, mfa } = emergency;
    let region = scene.region();
    let identity = EmergencyUser::identity(scene.base, region, &key);
    let user = EmergencyUser::new(scene.base, region, &key, mfa, SessionCall::AssumeRole(role.clone()));
    drop(key);
    let how = HowToClose::of(&scene.vault, &scene.target, Lane::Static);
    let stage = scene.stage(&user, HowToClose { role: Some(role), ..how });
    let plan = Plan {
        account: &scene.target.account,
        grant: &scene.grant,
        regions: &scene.regions,
        session: scene.session,
        window: scene.window,
    };
    let trail = OpenProgress::default();
    // The caller's key goes with the sequence.
    let opening = scene.running(&stage, async {
        let identity = identity;
        assume(&identity, &user, &plan, &trail, &stage).await
    });
    let end = drive(&stage, &trail, opening, &LettingGo(&user), &scene.work, signals).await;
    end_with(&scene, &stage, &trail, end, signals).await
}
