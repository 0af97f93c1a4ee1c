"""Keys that say whose they are: the prefixes that vendors document so that lost keys can be found.

Examples are made up. The letters of each stand for themselves; nothing here opens anything.
"""

from __future__ import annotations

from dataclasses import dataclass

HEX, WORD = "0123456789abcdef", "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zC"


@dataclass(frozen=True)
class Vendor:
    """``pattern`` and a text that it must find."""

    name: str
    pattern: bytes
    example: str


VENDORS = (
    Vendor("OpenAI, Anthropic, DeepSeek, OpenRouter and others", rb"sk-[A-Za-z0-9_-]{20}", "sk-ant-" + WORD),
    Vendor("Google", rb"AIza[A-Za-z0-9_-]{35}", "AIza" + WORD + "a_9"),
    Vendor("Google OAuth client", rb"GOCSPX-[A-Za-z0-9_-]{20}", "GOCSPX-" + WORD[:28]),
    Vendor("xAI", rb"xai-[A-Za-z0-9]{40}", "xai-" + WORD * 3),
    Vendor("Groq", rb"gsk_[A-Za-z0-9]{40}", "gsk_" + WORD * 2),
    Vendor("Perplexity", rb"pplx-[A-Za-z0-9]{40}", "pplx-" + WORD * 2),
    Vendor("Hugging Face", rb"(?:hf|api_org)_[A-Za-z0-9]{30}", "hf_" + WORD + "ab"),
    Vendor("Replicate", rb"r8_[A-Za-z0-9]{30}", "r8_" + WORD + "abcde"),
    Vendor("GitHub", rb"gh[pousr]_[A-Za-z0-9]{36}", "ghp_" + WORD + "abcd"),
    Vendor("GitHub, fine-grained", rb"github_pat_[A-Za-z0-9_]{22}", "github_pat_" + WORD),
    Vendor("GitLab", rb"gl(?:pat|dt|rt|cbt|ptt|soat|ft)-[A-Za-z0-9_.-]{20}", "glpat-" + WORD[:20]),
    Vendor("Slack", rb"xox[abeoprs]-[A-Za-z0-9-]{10}", "xoxb-123456789012-" + WORD),
    Vendor("Slack app", rb"xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]{20}", "xapp-1-A0B1C2-1234-" + HEX * 2),
    Vendor(
        "Slack webhook",
        rb"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{20}",
        f"hooks.slack.com/services/T0/B0/{WORD}",
    ),
    Vendor("Stripe", rb"(?:[sr]k|whsec)_(?:(?:live|test)_)?[A-Za-z0-9]{16}", "sk_live_" + WORD),
    Vendor("npm", rb"npm_[A-Za-z0-9]{36}", "npm_" + WORD + "abcd"),
    Vendor("PyPI", rb"pypi-[A-Za-z0-9_-]{50}", "pypi-" + WORD * 2),
    Vendor("Docker", rb"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20}", "dckr_pat_" + WORD),
    Vendor("SendGrid", rb"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16}", f"SG.{WORD[:22]}.{WORD}"),
    Vendor("Twilio", rb"SK[0-9a-f]{32}", "SK" + HEX * 2),
    Vendor("DigitalOcean", rb"do[opr]_v1_[0-9a-f]{64}", "dop_v1_" + HEX * 4),
    Vendor("Databricks", rb"dapi[0-9a-f]{32}", "dapi" + HEX * 2),
    Vendor("Shopify", rb"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", "shpat_" + HEX * 2),
    Vendor("Cloudflare origin", rb"v1\.0-[0-9a-f]{24}-[0-9a-f]{40}", f"v1.0-{HEX}{HEX[:8]}-{HEX * 9}"),
    Vendor("HashiCorp Vault", rb"hv[brs]\.[A-Za-z0-9_-]{20}", "hvs." + WORD),
    Vendor("Pulumi", rb"pul-[0-9a-f]{40}", "pul-" + HEX * 2 + HEX[:8]),
    Vendor("Grafana", rb"gl(?:c|sa)_[A-Za-z0-9+/=_]{30}", "glsa_" + WORD),
    Vendor("Telegram bot", rb"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", f"123456789:AA{WORD}a"),
    Vendor("Azure storage", rb"AccountKey=[A-Za-z0-9+/]{60}", "AccountKey=" + WORD * 3),
    Vendor("age", rb"AGE-SECRET-KEY-1[A-Z0-9]{50}", "AGE-SECRET-KEY-1" + "QPZRY9X8GF" * 6),
    Vendor("AWS Bedrock", rb"ABSK[A-Za-z0-9+/]{40}", "ABSK" + WORD * 2),
)
