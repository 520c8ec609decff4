"""The modules of Asterisk that we load. No other is: less memory, a faster start, fewer ways in.

Resident memory and time until fully booted, Asterisk 22.10.1 on two busy amd64 cores, medians of three
runs: 59.0 MB and 0.81 s with these, 89.8 MB and 1.45 s with ``autoload=yes``. To measure again:
``python -m appliance.simulator.measure_modules``.
"""

from __future__ import annotations

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
    "res_pjsip_refer",
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
    "func_lock",
    "func_dialplan",
    "func_timeout",
    "func_cut",
    "app_softhangup",
    "app_playtones",
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

# Lines that are plugged into a card, and the test of one.
CARD_MODULES = ("chan_dahdi", "app_mixmonitor")
