"""The certificate authorities that are trusted: the machine's, not a package's, and not what the environment names.

httpx trusts the list of the package certifi, which knows nothing of a company's own authority.
"""

import platform
import re
import ssl
from pathlib import Path

import truststore

# where Linux distributions keep them, for a Python whose OpenSSL was built to look elsewhere
BUNDLES = (
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/cert.pem",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
)


def machine_context() -> ssl.SSLContext:
    """Return what verifies a server's certificate and name; SSL_CERT_FILE and SSL_CERT_DIR change nothing."""
    if platform.system() in {"Windows", "Darwin"}:
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    paths = ssl.get_default_verify_paths()  # its openssl_… are those without the environment's
    file = paths.openssl_cafile if Path(paths.openssl_cafile).is_file() else None
    folder = paths.openssl_capath if _holds_certificates(Path(paths.openssl_capath)) else None
    if file is None and folder is None:
        file = next((bundle for bundle in BUNDLES if Path(bundle).is_file()), None)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if file is not None or folder is not None:
        context.load_verify_locations(file, folder)
    return context


def _holds_certificates(folder: Path) -> bool:
    return folder.is_dir() and any(re.fullmatch(r"[0-9a-fA-F]{8}\.\d", path.name) for path in folder.iterdir())
