//! Tests of the proxy with a plain HTTP client: the effects of calls, the answers, and the record of calls.

use super::*;
use crate::aws::Aws;
use std::io::{Read, Write};

fn account() -> Account {
    Aws::shared().seed("proxied")
}

/// Sends one call without a valid signature through the proxy. AWS refuses the call.
fn ask(proxy: &Proxy, action: &str, signed: i64) -> String {
    let body = format!("Action={action}&Version=2010-05-08&UserName=a%20b");
    let mut stream = TcpStream::connect(proxy.address).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: iam\r\nX-Amz-Date: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=AKIATEST/20261122/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=00\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        time::basic(signed),
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn the_proxy_forwards_and_records_each_call() {
    let account = account();
    let proxy = Proxy::before(&account);
    let reply = ask(&proxy, "GetUser", time::now());
    assert!(reply.starts_with("HTTP/1.1 403") && reply.contains("InvalidClientTokenId"), "{reply}");
    ask(&proxy, "GetUser", time::now());
    let calls = proxy.effects();
    assert_eq!(calls.len(), 2);
    let call = &calls[1];
    assert_eq!((call.action.as_str(), call.key.as_str(), call.nth), ("GetUser", "AKIATEST", 2));
    assert_eq!((call.service.as_str(), call.params["UserName"].as_str()), ("iam", "a b"));
    assert_eq!(call.effect.as_ref().unwrap().status, 403);
    assert_eq!(call.effect.as_ref().unwrap().element("Code"), Some("InvalidClientTokenId"));
}

#[test]
fn each_fault_affects_only_its_call() {
    let account = account();
    let spot = || Spot::new("GetUser", "AKIATEST", 2);
    let short = Duration::from_millis(300);
    for (fault, answer, done) in [
        (Fault::Refused, "AccessDenied", false),
        (Fault::Throttled(1), "Throttling", false),
        (Fault::Broken(1), "InternalFailure", false),
        (Fault::Slow(short), "InvalidClientTokenId", true),
        (Fault::ReplyLost, "", true),
        (Fault::Late(short), "", false),
        (Fault::Cut, "", false),
        (Fault::Gone, "", false),
    ] {
        let proxy = Proxy::spoiling(&account, spot(), fault.clone());
        assert!(ask(&proxy, "GetUser", time::now()).contains("InvalidClientTokenId"), "{fault:?}");
        assert!(ask(&proxy, "ListUsers", time::now()).contains("InvalidClientTokenId"), "{fault:?}");
        assert!(!proxy.wait_met(Duration::ZERO), "{fault:?}");
        let began = Instant::now();
        let said = ask(&proxy, "GetUser", time::now());
        assert!(if answer.is_empty() { said.is_empty() } else { said.contains(answer) }, "{fault:?}: {said}");
        assert!(proxy.wait_met(Duration::ZERO), "{fault:?}");
        assert_eq!(proxy.calls()[2].effect.is_some(), done, "{fault:?}");
        if let Fault::Slow(by) = fault {
            assert!(began.elapsed() >= by);
        }
        let after = ask(&proxy, "GetUser", time::now());
        let spared = matches!(fault, Fault::Refused | Fault::Gone);
        assert_eq!(after.contains("InvalidClientTokenId"), !spared, "{fault:?}: {after}");
        assert_eq!(ask(&proxy, "ListUsers", time::now()).is_empty(), fault == Fault::Gone, "{fault:?}");
        if let Fault::Late(_) = fault {
            assert!(proxy.wait_quiet(Duration::from_secs(5)));
            assert_eq!(proxy.effects().last().unwrap().nth, 2, "the late call should take effect last");
        }
    }
}

#[test]
fn a_held_call_takes_no_effect_and_gets_no_answer_until_released() {
    let account = account();
    let proxy = Proxy::spoiling(&account, Spot::new("GetUser", "", 1), Fault::Hold);
    thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&proxy, "GetUser", time::now()));
        assert!(proxy.wait_met(Duration::from_secs(5)));
        thread::sleep(Duration::from_millis(100));
        assert!(!asking.is_finished() && proxy.effects().is_empty() && !proxy.wait_quiet(Duration::ZERO));
        proxy.release();
        assert!(asking.join().unwrap().contains("InvalidClientTokenId"));
    });
    assert!(proxy.wait_quiet(Duration::ZERO));
}

#[test]
fn signatures_are_checked_against_the_clock_of_aws() {
    let account = account();
    let proxy = Proxy::before(&account);
    for (ahead, off, judged) in [
        (0, -290, "InvalidClientTokenId"),
        (0, -310, "Signature expired"),
        (0, 310, "Signature not yet current"),
        (600, 0, "Signature expired"),
        (-600, 0, "Signature not yet current"),
        (600, 600, "InvalidClientTokenId"),
    ] {
        account.set_ahead(ahead);
        let said = ask(&proxy, "GetUser", time::now() + off);
        assert!(said.contains(judged), "{ahead} {off}: {said}");
        // If the proxy accepts the call's time, AWS refuses the call, because the key is unknown.
        if !judged.starts_with("Signature") {
            continue;
        }
        let minute = time::http(time::now() + ahead);
        assert!(said.to_lowercase().contains(&minute[..20].to_lowercase()), "{ahead}: {minute} {said}");
    }
}
