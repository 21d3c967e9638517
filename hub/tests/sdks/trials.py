"""What is tried with an SDK, and what must come of it."""

import contextlib
import dataclasses
import os
import pathlib
import tempfile

from programs import Hub, Platform, Trouble
from sdk import Driver

MODES = ("alone", "proxy", "token")
PHASES = ("cold", "revoked", "expired", "-1 once")
EXTRAS = ("upload", "download", "web login", "mini login", "upload, revoked")
PROCESSES, CALLS = 2, 100
VERIFY = "/cgi-bin/get_api_domain_ip"

# Neither the platform nor an SDK can have it from anywhere else.
PICTURE = os.urandom(65536)


@dataclasses.dataclass
class Result:
    """What came of a phase, or of an upload or a login."""

    text: str
    errors: dict = dataclasses.field(default_factory=dict)
    faults: list = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def stage(binaries, sdk, mode, apart=True):
    """The platform, and how to start a driver that finds it: alone, or by a hub."""
    with contextlib.ExitStack() as programs:
        platform = programs.enter_context(Platform(binaries))
        if mode == "alone":
            options = {"base_url": platform.url, "secret": platform.secret}
        else:
            hub = programs.enter_context(Hub(binaries, platform))
            if mode == "proxy":
                options = {"base_url": hub.url, "secret": hub.secrets["proxy"]}
            elif apart:
                options = {"base_url": platform.url, "token_base_url": hub.url, "secret": hub.secrets["token"]}
            else:
                # With one URL for all, its calls come to the hub, too, which takes the real token for a pass.
                options = {"base_url": hub.url, "secret": hub.secrets["both"]}
        yield platform, lambda: programs.enter_context(Driver(sdk, **options))


def introduce(binaries, sdk):
    """What the SDK says of itself."""
    with stage(binaries, sdk, "alone") as (_, start):
        driver = start()
        driver.end()
        return driver.ready


def phases(binaries, sdk, mode, apart):
    """What the same processes meet one after the other: `(name, Result)`."""
    with stage(binaries, sdk, mode, apart) as (platform, start):
        drivers = [start() for _ in range(PROCESSES)]
        for name in PHASES:
            happen(platform, name)
            mints, looks = platform.mints(), len(platform.seen(VERIFY))
            failed, errors = call_all(drivers)
            mints, looks = platform.mints() - mints, platform.seen(VERIFY)[looks:]
            yield name, phase(sdk, mode, name, apart, (mints, looks, failed, errors))
            # One that hung was ended, and another takes its place.
            drivers = [driver if driver.process.poll() is None else start() for driver in drivers]
        for driver in drivers:
            driver.end()


def happen(platform, name):
    """What a phase begins with. Nothing happens before the first."""
    if name == "revoked":
        platform.control("revoke")
    elif name == "expired":
        platform.control("expire")
    elif name == "-1 once":
        platform.control("expire")
        platform.control("fail_next?errcode=-1&times=1&at=tokens")


def phase(sdk, mode, name, apart, measured):
    mints, looks, failed, errors = measured
    # The hub's own call is sent again with another token, as any other, and is one verification all the same.
    refused = sum(look["errcode"] != 0 for look in looks)
    verified = len(looks) - refused

    numbers = (mints, verified, failed) if mode == "token" else (mints, failed)
    result = Result(" / ".join(map(str, numbers)), errors)
    # An SDK that shows a rejected token again, and no other, cannot be helped as long as it has that.
    lost = mode == "token" and not sdk.replays and name != "cold"
    if mode != "alone" and not lost:
        if mints != 1:
            result.faults.append(f"{mints} mints, not one")
        if failed:
            result.faults.append(f"{failed} calls failed")
        # To the hub the processes are one client: who asks when the next token is there may have met its rejection.
        if mode == "token" and name == "revoked" and apart and not (refused == 1 and verified <= PROCESSES):
            result.faults.append(f"{verified} verifications, {refused} of them refused, not {PROCESSES} at most and one")
    return result


def call_all(drivers):
    """Has all drivers call at once, and counts what failed."""
    failed, errors = 0, {}
    for driver, outcome in [(driver, driver.call(CALLS)) for driver in drivers]:
        try:
            outcome = outcome()
        except Trouble as trouble:
            outcome = {"failed": CALLS, "errors": {str(trouble): CALLS}}
        failed += outcome["failed"]
        for error, count in outcome["errors"].items():
            errors[error] = errors.get(error, 0) + count
    return failed, errors


def extras(binaries, sdk, mode, apart):
    """An upload, a download and the logins: `{name: Result}`."""
    with stage(binaries, sdk, mode, apart) as (platform, start), tempfile.TemporaryDirectory() as folder:
        driver, there, back = start(), pathlib.Path(folder) / "picture.jpg", pathlib.Path(folder) / "back.jpg"
        there.write_bytes(PICTURE)

        def ask(line):
            outcome = driver.ask(line)
            return outcome, outcome.get("error", "it does not say why") if not outcome.get("ok") else None

        def upload():
            uploaded, wrong = ask(f"upload {there}")
            requests = platform.seen("/cgi-bin/media/upload")
            if wrong is None and (not requests or requests[-1]["body_len"] < len(PICTURE)):
                wrong = "the picture did not arrive"
            return uploaded, wrong

        uploaded, wrong = upload()
        yield "upload", judged(uploaded, wrong, mode)

        downloaded, wrong = ask(f"download {uploaded.get('media_id', 'nothing')} {back}")
        if wrong is None and (not back.exists() or back.read_bytes() != PICTURE):
            wrong = "it is not what was uploaded"
        yield "download", judged(downloaded, wrong, mode)

        for name in ("web login", "mini login"):
            # These calls carry the app's secret, which a client of the hub does not have when it goes past it.
            if mode == "token":
                yield name, Result("–")
                continue
            code = platform.control("login_code?openid=oSomebody")["code"]
            logged_in, wrong = ask(f"{name.replace(' ', '_')} {code}")
            if wrong is None and logged_in.get("openid") != "oSomebody":
                wrong = "it is somebody else"
            yield name, judged(logged_in, wrong, mode)

        # Without the proxy it is the SDK that meets the rejection, and some wait for a minute then.
        if mode == "proxy":
            platform.control("revoke")
            yield "upload, revoked", judged(*upload(), mode)
        else:
            yield "upload, revoked", Result("–")
        driver.end()


def judged(outcome, wrong, mode):
    if "skipped" in outcome:
        return Result("not in the SDK")
    if wrong is None:
        return Result("ok")
    return Result("failed", {wrong: 1}, ["it failed"] if mode != "alone" else [])
