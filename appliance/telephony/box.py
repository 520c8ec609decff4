"""The box's own Asterisk: which modules it loads and how its configuration is rendered."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from appliance.telephony.asterisk import AsteriskInstance, render, write_configuration
from appliance.telephony.sandbox import AsteriskProgram

DIALPLAN = Path(__file__).parent.parent / "dialplan" / "extensions.conf"
_TEMPLATES = Path(__file__).parent / "config" / "box"

# Every Asterisk of ours needs these to speak SIP and to play and hear sound.
SIP_MODULES = (
    "res_sorcery_config",
    "res_pjsip_pubsub",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_caller_id",
    "res_pjsip_authenticator_digest",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_dtmf_info",
    "res_pjsip_nat",
    "res_pjsip_rfc3326",
    "res_pjsip_dlg_options",
    "chan_pjsip",
    "res_rtp_asterisk",
    "res_timing_timerfd",
    "bridge_simple",
    "codec_alaw",
    "codec_ulaw",
    "codec_gsm",
    "codec_resample",
    "format_pcm",
    "format_gsm",
    "format_wav",
    "format_sln",
    "pbx_config",
    "app_senddtmf",
    "app_playback",
    "app_dial",
    "func_channel",
    "func_callerid",
    "func_logic",
    "func_strings",
)

BOX_MODULES = (
    *SIP_MODULES,
    "res_pjsip_registrar",
    "res_pjsip_exten_state",
    "res_pjsip_dialog_info_body_generator",
    "res_pjsip_pidf_body_generator",
    "bridge_builtin_features",
    "bridge_holding",
    "res_speech",
    "res_cdrel_custom",
    "res_pjsip_outbound_publish",
    "res_config_sqlite3",
    "func_realtime",
    "func_devstate",
    "func_env",
    "func_dialplan",
    "func_timeout",
    "app_stack",
    "app_queue",
    "app_read",
    "app_record",
    "app_system",
    "app_celgenuserevent",
    "cel_custom",
    "res_agi",
    "res_musiconhold",
    "res_manager_devicestate",
)


def manager_secret(folder: Path) -> str:
    """The password both manager users share; made once per box, readable by its owner only."""
    file = folder / "manager.secret"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as secret:
            secret.write(secrets.token_urlsafe(24))
    return file.read_text()


def box_instance(
    program: AsteriskProgram,
    folder: Path,
    *,
    values: Mapping[str, object],
    phones: Sequence[Mapping[str, object]],
) -> tuple[AsteriskInstance, list[str]]:
    """Render the box's Asterisk configuration; returns it and the names of changed files.

    `values` names what the templates need beside the phones: ports, addresses, folders.
    """
    instance = AsteriskInstance(program, folder)
    files = render(
        _TEMPLATES,
        {
            "folder": folder,
            "run_folder": instance.run_folder,
            "program": program,
            "entity_id": "02:46:5a:00:00:01",
            "modules": BOX_MODULES,
            "manager_secret": manager_secret(folder),
            "events_read": "call,system",
            "orders_read": "call,reporting,system",
            "orders_write": "call,originate,reporting",
            "wanted_events": ("DeviceStateChange", "FullyBooted"),
            "music": program.music,
            "dialplan": DIALPLAN,
            "phones": phones,
            **values,
        },
    )
    return instance, write_configuration(folder / "etc", files)
