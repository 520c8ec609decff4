"""The supervisor: the one place where telephony, mail, panel and store are wired together."""

from __future__ import annotations

import faulthandler
import logging
import math
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlite_utils import Database

from appliance import in_force
from appliance.bookkeeper import CURSOR, Bookkeeper
from appliance.by_the_clock import ClockWaits, by_the_clock
from appliance.calling_back import CallingBack
from appliance.forgetting import forget_old
from appliance.granting import Granting
from appliance.house import House, keep_message_of_ended_call
from appliance.language import say
from appliance.mail.outbox import Outbox
from appliance.mail.spool import find_recordings
from appliance.own_prompts import bring_into_force
from appliance.panel.committed import CommittedLamps
from appliance.panel.desk_boxes import DeskBoxes
from appliance.panel.front_panel import FrontPanel
from appliance.panel.gpio import NoGpio, is_a_pi, real_gpio
from appliance.panel.pins import read_panel_pins
from appliance.recording_prompts import RecordingPrompts
from appliance.service_manager import FEED_SECONDS, Turns, news, notify
from appliance.settings import Settings
from appliance.status import look, troubles
from appliance.store import callbacks, ledger, line_alarms, night, people, times, weekly
from appliance.store.attention import show_attention
from appliance.store.database import open_store
from appliance.store.lines import keep_line_states
from appliance.store.office import card_devices, office_facts
from appliance.store.on_call import refresh_duties
from appliance.store.schedule import refresh_schedule
from appliance.switchboard import Switchboard
from appliance.telephony.asterisk_log import shorten
from appliance.telephony.box import manager_secret
from appliance.telephony.call import WAKE_KEY
from appliance.telephony.call_records import CallRecords
from appliance.telephony.fastagi import FastAgiServer
from appliance.telephony.lines.outward import channel_beginnings
from appliance.telephony.lines.watch import look_at_lines
from appliance.telephony.manager import Event, ManagerError, ManagerLink

log = logging.getLogger(__name__)

_BOOT_ID_VARIABLE = "FREIZEICHEN_BOOT_ID"  # from systemd, where the file is closed to us
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_HOUR = 3600.0
_HALF_A_MINUTE = 30.0
_LOOK_AGAIN = 5.0
_RECORDING_STILL_SECONDS = 5.0  # Asterisk writes a running recording more often than that
_SOON = 1.0
_MINUTE = 60.0
_ADDRESS_RINGS_MS = 30_000
_USER_BUSY = "17"  # ITU-T Q.850; Dial then says BUSY
# How long one turn of a thread may take. Whoever writes waits up to 10 s for the store.
_TURN_SECONDS = {
    "fastagi": 5.0,
    "switchboard": 15.0,
    "bookkeeper": 60.0,  # a long message becomes MP3 on a slow Pi
    "housekeeping": 120.0,  # a thousand old messages are deleted
    "outbox": 1200.0,  # one mail: ten answers of a slow mail server, two minutes each
}


def end_with_any_thread() -> None:
    """From now on the program ends, with exit status 1, when any of its threads dies of an error.

    Half a supervisor would take calls nobody enters. A whole new one is started in its place, and
    until then the floor has the calls.
    """

    def die(dead: threading.ExceptHookArgs) -> None:
        error = (dead.exc_type, dead.exc_value or dead.exc_type(), dead.exc_traceback)
        log.critical("thread %s died; the supervisor ends", dead.thread and dead.thread.name, exc_info=error)
        logging.shutdown()
        os._exit(1)  # a thread that waits for the dead one would never end by itself

    threading.excepthook = die


def _in_words(stuck_threads: Sequence[str], *, asterisk_answers: bool) -> str:
    """How it stands, for `systemctl status`."""
    if stuck_threads:
        names = ", ".join(stuck_threads)
        return say(
            f"Hängt ({names}); Asterisk nimmt Anrufe allein an.", f"Stuck ({names}); Asterisk is alone."
        )
    if not asterisk_answers:
        return say("Wartet auf Asterisk.", "Waits for Asterisk.")
    return say("Nimmt Anrufe an.", "Takes calls.")


class _Alive(NamedTuple):
    """The calls Asterisk had when it was asked."""

    calls: frozenset[str]
    asked_at: datetime


def _is_kept_by_the_floor(channel: Mapping[str, str]) -> bool:
    """Whether this is a caller who waits in the queue of the floor, as CoreShowChannels tells."""
    in_queue = channel.get("Application") == "Queue" and channel.get("Context") == "floor"
    return in_queue and not channel.get("BridgeId")


class Supervisor:
    """Everything of ours that runs on the box, started and stopped as one.

    It takes its port when it is made, so hold `liveness.Alive` before. Raises OSError for a taken port.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        secret = manager_secret(settings.asterisk)
        self._turns = Turns(_TURN_SECONDS)
        self._asterisk_answers = threading.Event()
        self._stopping = threading.Event()
        self._orders: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._orders_link = ManagerLink(
            "127.0.0.1", settings.manager_port, "orders", secret, name="orders", on_connected=self._connected
        )
        self._events_link = ManagerLink(
            "127.0.0.1",
            settings.manager_port,
            "events",
            secret,
            name="events",
            wanted_events=("DeviceStateChange", "MusicOnHoldStart", "MusicOnHoldStop"),
            on_event=self._event,
            on_connected=self._events_connected,
            on_lost=self._asterisk_lost,
        )
        self.calling_back = CallingBack(
            settings, lambda: self.switchboard, self._orders_link, on_no_call=self._attempt_without_call
        )
        self.recording_prompts = RecordingPrompts(settings, self._orders_link)
        lamps = CommittedLamps()
        self.front_panel = front_panel(settings, lamps, on_press=lambda: self.switchboard.look_now())
        self.desk_boxes = DeskBoxes(
            settings.store,
            lamps=lamps,
            on_press=lambda: self.switchboard.look_now(),
            single=settings.box_ports,
            shared=settings.box_buses,
        )
        self.switchboard = Switchboard(
            settings.store,
            line_patience=timedelta(seconds=settings.line_patience_seconds),
            wake=self._wake,
            call_back=self.calling_back.begin,
            stop_ringing=self._stop_ringing,
            mirror=self._mirror,
            show=lamps.show,
            tell_address=self._tell_address,
            lines=channel_beginnings(settings.outward_lines),
            on_turn=self._turns.of("switchboard"),
        )
        self.bookkeeper = Bookkeeper(
            settings.store,
            settings.call_records,
            take_message=self._message_of_ended_call,
            on_settled=lambda: self.outbox.wake(),
            on_talks=lambda agent, call, department: self.switchboard.talks(agent, call, department),
            on_turn=self._turns.of("bookkeeper"),
        )
        self.outbox = Outbox(
            settings.store, settings.spool, on_change=self._mail_delivered, on_turn=self._turns.of("outbox")
        )
        self.granting = Granting(
            settings,
            {"supervisor": self._stopping.set, "asterisk": self._restart_asterisk},
            on_change=self.outbox.wake,
        )
        house = House(settings, self.switchboard, self.bookkeeper, on_message=self.outbox.wake)
        self._server = FastAgiServer(
            settings.fastagi_port,
            {
                "call": house.take_call,
                "callback": self.calling_back.take_leg,
                "outside": house.dial_outside,
                "record": self.recording_prompts.take_leg,
            },
            on_turn=self._turns.of("fastagi"),
        )
        self._alive: _Alive | None = None
        self._taken_back: set[str] = set()
        self._orderly = threading.Thread(target=self._carry_out_orders, name="orders")
        # The schedule the floor opens and closes by is also refreshed by whoever changes the hours.
        self._chores: dict[Callable[[Database], object], float] = {
            by_the_clock(lambda db: refresh_schedule(db, times.now())): _HOUR,
            by_the_clock(lambda db: refresh_duties(db, times.now())): _HOUR,
            by_the_clock(self._forget_old): _HOUR,
            lambda _db: shorten(settings.asterisk_log): _MINUTE,
            by_the_clock(self._remind_of_night_switch): _MINUTE,
            by_the_clock(self._report_the_week): _MINUTE,
            by_the_clock(lambda db: callbacks.give_up_old(db, times.now())): _HOUR,
            lambda _db: self._ask_phone_states(): _LOOK_AGAIN,
            lambda _db: self._follow_calls(): _LOOK_AGAIN,
            lambda _db: self.calling_back.look_at_line(): _LOOK_AGAIN,
            self._look_at_lines: _LOOK_AGAIN,
            self.calling_back.settle_vanished: _HALF_A_MINUTE,
            lambda _db: self.bookkeeper.take_left_over(self._recorded): _LOOK_AGAIN,
            self.recording_prompts.look: _SOON,
            lambda db: bring_into_force(db, settings): _SOON,
            self._bring_settings_into_force: _SOON,
            self._say_what_needs_attention: _LOOK_AGAIN,
        }
        self._done_at: dict[Callable[[Database], object], float] = {}
        self._keeper = threading.Thread(target=self._keep_house, name="housekeeping")

    def run(self) -> None:
        """Run until told to end (SIGTERM, SIGINT)."""
        end_with_any_thread()
        faulthandler.enable()  # systemd's watchdog ends us with SIGABRT: say what each thread was doing
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        self.start()
        self._report_to_systemd()
        notify("STOPPING=1", f"STATUS={say('Hört auf; Asterisk nimmt Anrufe allein an.', 'Ends.')}")
        self.stop()

    def _report_to_systemd(self) -> None:
        """Until told to end: say that calls can be taken, and feed the watchdog while every thread turns."""
        was_ready = False
        while not self._stopping.wait(FEED_SECONDS if was_ready else _SOON / 10):
            stuck_threads, answers = self._turns.stuck(), self._asterisk_answers.is_set()
            if stuck_threads:
                log.critical("stuck, so systemd will start a new supervisor: %s", ", ".join(stuck_threads))
            words = _in_words(stuck_threads, asterisk_answers=answers)
            notify(*news(is_ready=answers, was_ready=was_ready, stuck_threads=stuck_threads, words=words))
            was_ready = was_ready or (answers and not stuck_threads)

    def start(self) -> None:
        """Start every part; the FastAGI server last, when everybody can answer."""
        self._after_power_cut()
        self.switchboard.start()
        self.desk_boxes.start()
        if self.front_panel:
            self.front_panel.start()
        self.bookkeeper.start()
        self.outbox.start()
        self._orderly.start()
        self._keeper.start()
        self.granting.start()
        self._orders_link.start()
        self._events_link.start()
        self._server.start()
        log.info("the supervisor is up; calls come in on FastAGI port %d", self._settings.fastagi_port)

    def stop(self) -> None:
        """Stop every part. Calls go on: the floor has them."""
        self._stopping.set()
        self._server.stop()
        self.granting.stop()
        self.desk_boxes.stop()
        if self.front_panel:
            self.front_panel.stop()
        self.outbox.stop()  # may take seconds, in which the dialogs go on
        self._keeper.join()
        self._events_link.stop()
        self._orders_link.stop()
        self._orders.put(None)
        self._orderly.join()
        self.bookkeeper.stop()
        self.switchboard.stop()

    # --- what comes from Asterisk

    def _event(self, event: Event) -> None:
        if event.name in ("MusicOnHoldStart", "MusicOnHoldStop"):
            call, channel = event.headers.get("Linkedid", ""), event.headers.get("Uniqueid", "")
            if (channel != call) is call.startswith(
                callbacks.ATTEMPT
            ):  # who was called back is not the first
                self.switchboard.hears_music(call, event.name == "MusicOnHoldStart")
        else:
            self._phone_state(event.headers)

    def _phone_state(self, headers: Mapping[str, str], asked_at: float = math.inf) -> None:
        device, state = headers.get("Device", ""), headers.get("State", "")
        if device.startswith(("PJSIP/", "DAHDI/")):
            self.switchboard.phone_changed(device, state, asked_at=asked_at)
        elif asked_at < math.inf and device.startswith("Custom:"):
            self.switchboard.device_state_seen(device, state)

    def _events_connected(self) -> None:
        self._asterisk_answers.set()
        self.switchboard.asterisk_answers()
        self._ask_phone_states()

    def _ask_phone_states(self) -> None:
        """The whole picture beside the changes: level is truth, an event is a hint."""
        asked_at = time.monotonic()
        db = open_store(self._settings.store)
        on_cards = card_devices(db)
        db.close()
        try:
            for event in self._orders_link.send_list("DeviceStateList", {}):
                self._phone_state(event.headers, asked_at)
            for device in on_cards:  # of an idle one Asterisk does not speak by itself
                state = self._orders_link.send("Getvar", {"Variable": f"DEVICE_STATE({device})"})
                self._phone_state({"Device": device, "State": state.get("Value", "")}, asked_at)
            self.switchboard.phones_known(asked_at=asked_at)
        except ManagerError as error:
            log.info("the phones' states are not known yet: %s", error)

    def _asterisk_lost(self) -> None:
        """Unknown is not idle: no phone is rung, no lamp is green, until Asterisk says so."""
        self._asterisk_answers.clear()
        self.switchboard.asterisk_lost()

    def _connected(self) -> None:
        """Asterisk is (again) there: which calls does it still know, what do the phones do?"""
        self.switchboard.mirror_again()
        db = open_store(self._settings.store)
        attempts = callbacks.calling_in(db)
        db.close()
        self._alive = self._look_at_calls()
        self.bookkeeper.reconcile(self._alive.calls, self._alive.asked_at, attempts)
        self._ask_phone_states()

    def _follow_calls(self) -> None:
        """Level is truth: a call whose end got lost in Asterisk's records, at two looks in a row, is over."""
        try:
            before, now = self._alive, self._look_at_calls()
        except ManagerError:
            return  # with the connection comes `_connected`
        if before is not None:
            self.bookkeeper.reconcile(before.calls | now.calls, before.asked_at, ())
        self._alive = now

    def _look_at_calls(self) -> _Alive:
        """Which calls Asterisk has. Whom the floor keeps in its queue comes back to us.

        That is who rang in while we were away, or whose dialog has failed. Each comes back once: should
        his dialog fail again, he is better off where he is.
        """
        asked_at = times.now()
        channels = [event.headers for event in self._orders_link.send_list("CoreShowChannels", {})]
        kept = {
            channel.get("Uniqueid", ""): channel for channel in channels if _is_kept_by_the_floor(channel)
        }
        for unique in kept.keys() - self._taken_back:
            self._orders.put(partial(self._take_back, unique))
        self._taken_back = {channel.get("Uniqueid", "") for channel in channels} & (
            self._taken_back | kept.keys()
        )
        return _Alive(frozenset(channel.get("Linkedid", "") for channel in channels), asked_at)

    def _take_back(self, unique: str) -> None:
        """He comes back in his place, unless an agent has just answered him."""
        where = {"Context": "incoming", "Exten": "back", "Priority": "1"}
        for event in self._orders_link.send_list("CoreShowChannels", {}):
            if event.headers.get("Uniqueid") == unique and _is_kept_by_the_floor(event.headers):
                self._orders_link.send("Redirect", {"Channel": event.headers.get("Channel", ""), **where})

    # --- what goes to Asterisk, in order, by a thread that may wait

    def _wake(self, channel: str) -> None:
        self._order("PlayDTMF", {"Channel": channel, "Digit": WAKE_KEY, "Receive": "true"})

    def _stop_ringing(self, phone: str) -> None:
        self._orders.put(lambda: self._hang_up_ringing(phone))

    def _hang_up_ringing(self, phone: str) -> None:
        """End what rings at this phone, as if it were busy; never a call that was answered."""
        for event in self._orders_link.send_list("CoreShowChannels", {}):
            channel, state = event.headers.get("Channel", ""), event.headers.get("ChannelStateDesc", "")
            if channel.startswith(f"{phone}-") and state == "Ringing":
                self._orders_link.send("Hangup", {"Channel": channel, "Cause": _USER_BUSY})

    def _tell_address(self, phone: str) -> None:
        where = {"Context": "web-address", "Exten": "s", "Priority": "1", "CallerID": '"Freizeichen" <*84>'}
        limits = {"Async": "true", "Timeout": str(_ADDRESS_RINGS_MS)}
        self._order("Originate", {"Channel": phone, **where, **limits})

    def _mirror(self, states: dict[str, str]) -> None:
        if not self._orders_link.connected:
            return  # with the connection comes `mirror_again`
        for device, state in states.items():
            self._order("Setvar", {"Variable": f"DEVICE_STATE({device})", "Value": state})

    def _restart_asterisk(self) -> None:
        """Let Asterisk end as soon as nobody talks; whoever watches it starts it again at once."""
        self._order("Command", {"Command": "core stop when convenient"})

    def _order(self, action: str, headers: dict[str, str]) -> None:
        self._orders.put(lambda: self._orders_link.send(action, headers))

    def _carry_out_orders(self) -> None:
        while (order := self._orders.get()) is not None:
            try:
                order()
            except ManagerError as error:
                log.info("an order was not carried out: %s", error)

    # --- calls, mail, schedule

    def _attempt_without_call(self, attempt: str) -> None:
        self.bookkeeper.settle_attempt(attempt)

    def _message_of_ended_call(self, call: str) -> bool:
        kept = keep_message_of_ended_call(self._settings, call)
        if kept:
            self.outbox.wake()
        return kept

    def _recorded(self) -> list[str]:
        spool = self._settings.spool
        return [file.stem for file in find_recordings(spool, still_seconds=_RECORDING_STILL_SECONDS)]

    def _mail_delivered(self, call: str) -> None:
        self.bookkeeper.note(call, "mail delivered")

    def _keep_house(self) -> None:
        """What is due now and then; at the start, everything."""
        db = open_store(self._settings.store)
        turn = self._turns.of("housekeeping")
        while not self._stopping.is_set():
            turn()
            for work, every_seconds in self._chores.items():
                if time.monotonic() - self._done_at.get(work, -math.inf) < every_seconds:
                    continue
                self._done_at[work] = time.monotonic()
                turn()
                try:
                    work(db)
                except ClockWaits:
                    del self._done_at[work]
                except Exception:
                    log.exception("housekeeping goes on after an error")
            self._stopping.wait(_SOON)
        db.close()

    def _bring_settings_into_force(self, db: Database) -> None:
        """Asking the switchboard anything makes it read what was committed before."""
        in_force.bring_into_force(
            db, self._settings, self._orders_link, agree=lambda: self.switchboard.agents()
        )

    def _look_at_lines(self, db: Database) -> None:
        """Level is truth: signal and links are looked at, whatever events may have been lost."""
        keep_line_states(db, look_at_lines(self._orders_link, self._settings.lines), times.now())
        patience = timedelta(seconds=self._settings.line_patience_seconds)
        if line_alarms.report(db, times.now(), patience):
            self.outbox.wake()

    def _say_what_needs_attention(self, db: Database) -> None:
        """For the page, which sees only the store. That Asterisk is silent, its lamp says."""
        state = look(db, self._settings, frozenset(ledger.open_calls(db)))
        show_attention(db, [(each.kind, each.german, each.english) for each in troubles(state)])

    def _forget_old(self, db: Database) -> None:
        """Personal data has an end: what is older than the office's retention time goes."""
        before = times.now() - timedelta(days=office_facts(db).retention_days)
        forget_old(db, self._settings, before)

    def _remind_of_night_switch(self, db: Database) -> None:
        if night.remind(db, times.now()):
            self.outbox.wake()

    def _report_the_week(self, db: Database) -> None:
        if weekly.put_report(db, times.now()):
            self.outbox.wake()

    def _after_power_cut(self) -> None:
        """After the machine was off nobody is present until he says so, and records may lack their end."""
        db = open_store(self._settings.store)
        boot = os.environ.get(_BOOT_ID_VARIABLE) or _BOOT_ID.read_text().strip().replace("-", "")
        if ledger.cursor(db, "boot") not in ("", boot):
            people.send_everybody_home(db, "power cut", times.now())
            records = CallRecords(self._settings.call_records)
            booted_at = times.now() - timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
            ledger.move_cursor(db, CURSOR, records.left_by_power_cut(ledger.cursor(db, CURSOR), booted_at))
        ledger.move_cursor(db, "boot", boot)
        db.close()


def front_panel(
    settings: Settings, lamps: CommittedLamps, *, on_press: Callable[[], None]
) -> FrontPanel | None:
    """The front panel, where `box.toml` says that there is one, or says nothing and this is a Raspberry Pi.

    Calls do not wait for one that fails. An empty header does no harm: open contacts say nothing.
    """
    if not (is_a_pi() if settings.front_panel is None else settings.front_panel):
        return None
    try:
        gpio, pins = real_gpio(), read_panel_pins()
    except (NoGpio, OSError, ValueError) as error:
        log.warning("there is no front panel: %s", error)
        return None
    lines = [line.name for line in settings.outward_lines]
    return FrontPanel(gpio, pins, settings.store, lamps=lamps.current, lines=lines, on_press=on_press)
