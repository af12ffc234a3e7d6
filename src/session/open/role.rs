//! The lane `static`: starts a session of a role, with MFA. The program writes nothing to IAM, so it cannot end the
//! role's session early.

use std::path::Path;

use super::run::{EmergencyKey, OpenRun};
use crate::aws::emergency::{EmergencyUser, SessionCall};
use crate::gate::OpenProgress;
use crate::gate::role::{RolePlan, assume};
use crate::session::closer::DropRoleSession;
use crate::session::driver::Run;
use crate::session::how_to_close::{HowToClose, TargetRole};
use crate::session::outcome::RunOutcome;
use crate::terminal::signals::SessionSignals;

pub(super) async fn open_role(
    run: &OpenRun<'_>,
    vault: &Path,
    role: String,
    emergency: EmergencyKey,
    signals: &mut SessionSignals,
) -> (RunOutcome, HowToClose) {
    let EmergencyKey { key, mfa } = emergency;
    let caller = EmergencyUser::identity(run.aws, run.region(), &key);
    let call = SessionCall::AssumeRole(role.clone());
    let user = EmergencyUser::new(run.aws, run.region(), &key, mfa, call);
    drop(key);
    let context = run.context(&user);
    let plan = RolePlan {
        account: &run.target.account,
        grant: run.grant,
        regions: run.regions,
        session: run.session(),
        window: run.window,
    };
    let progress = OpenProgress::default();
    let (trail_ref, user_ref, context_ref, plan) = (&progress, &user, &context, &plan);
    // The future owns `caller`, so the end of the future drops the key in `caller`.
    let opening = async move {
        let window = assume(&caller, user_ref, plan, trail_ref, context_ref).await?;
        run.sign_in(window, user_ref).await
    };
    let drive =
        Run { context: &context, progress: &progress, strategy: &DropRoleSession(&user), until: None };
    let outcome = drive.open(opening, run.faults, signals).await;
    let (vault, target) = (vault.to_owned(), run.target.clone());
    let profile = run.close_profile.map(str::to_owned);
    (outcome, HowToClose { vault, target, key: None, role: Some(TargetRole::Arn(role)), profile })
}
