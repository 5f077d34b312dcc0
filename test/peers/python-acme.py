"""One certificate of an ACME server with Python's acme library, and what its owner does with it next.

    python-acme.py FEATURE NAME…      settings: ACME_DIRECTORY ACME_CA ACME_OUT HTTP_PORT TXT_FOLDER EAB_KID EAB_HMAC PROFILE
"""
import datetime, http.server, ipaddress, os, sys, threading

import josepy
from acme import challenges, client, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

FEATURE, NAMES, SETTINGS = sys.argv[1], sys.argv[2:], os.environ
WANTED = challenges.DNS01 if FEATURE in ("dns-01", "wildcard") else challenges.HTTP01
served = {}


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = served.get(self.path, "").encode()
        self.send_response(200 if text else 404)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def general_name(text):
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def obtain(profile=None):
    names = x509.SubjectAlternativeName([general_name(name) for name in NAMES])
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, False)
    pem = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.PEM)
    order = acme.new_order(pem, profile) if profile else acme.new_order(pem)
    for authorization in order.authorizations:
        challenge = next(one for one in authorization.body.challenges if isinstance(one.chall, WANTED))
        response, validation = challenge.response_and_validation(key)
        if WANTED is challenges.HTTP01:
            served[challenge.chall.path] = validation
        else:
            with open(f"{SETTINGS['TXT_FOLDER']}/_acme-challenge.{authorization.body.identifier.value}", "w") as file:
                file.write(validation)
        acme.answer_challenge(challenge, response)
    return acme.poll_and_finalize(order, datetime.datetime.now() + datetime.timedelta(seconds=30)).fullchain_pem


web = http.server.ThreadingHTTPServer(("127.0.0.1", int(SETTINGS["HTTP_PORT"])), Web)
threading.Thread(target=web.serve_forever, daemon=True).start()

key = josepy.JWKRSA(key=rsa.generate_private_key(65537, 2048))
net = client.ClientNetwork(key, verify_ssl=SETTINGS["ACME_CA"])
directory = client.ClientV2.get_directory(SETTINGS["ACME_DIRECTORY"], net)
acme = client.ClientV2(directory, net)
binding = None
if FEATURE == "eab":
    binding = messages.ExternalAccountBinding.from_data(
        key.public_key(), SETTINGS["EAB_KID"], SETTINGS["EAB_HMAC"], directory
    )
account = acme.new_account(
    messages.NewRegistration.from_data(
        email="ann@example.test", terms_of_service_agreed=True, external_account_binding=binding
    )
)
chain = obtain(SETTINGS["PROFILE"] if FEATURE == "profile" else None)
if FEATURE == "renew":
    first, chain = chain, obtain()
    assert first != chain
with open(SETTINGS["ACME_OUT"], "w") as file:
    file.write(chain)
if FEATURE == "revoke":
    acme.revoke(x509.load_pem_x509_certificate(chain.encode()), 4)
if FEATURE == "ari":
    when, again = acme.renewal_time(chain.encode())
    assert when is not None and again is not None
    print(when.isoformat())
if FEATURE == "deactivate":
    status = acme.deactivate_registration(account).body.status
    assert getattr(status, "name", status) == "deactivated"
web.shutdown()
