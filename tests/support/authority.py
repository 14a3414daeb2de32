# SPDX-License-Identifier: Apache-2.0
"""A certificate authority of our own, made with the openssl command line in a temporary folder."""

import os
import shutil
import ssl
import subprocess
import tempfile

from support.expect import Skipped


class Authority:
    """Issues certificates: .issue(name, hosts=…) -> (certificate path, key path). In a `with`."""

    def __init__(self, name="test authority"):
        if shutil.which("openssl") is None:
            raise Skipped("the openssl command is missing")
        self.directory = tempfile.mkdtemp(prefix="sluice-ca-")
        self.certificate, self.key = self.path("ca.crt"), self.path("ca.key")
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-keyout", self.key, "-out", self.certificate, "-days", "30", "-subj", f"/CN={name}",
                  "-addext", "basicConstraints=critical,CA:TRUE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    @staticmethod
    def _run(*arguments):
        subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def issue(self, name, hosts=("DNS:localhost", "IP:127.0.0.1"), days=10, key="ec"):
        """days: a negative number for one that has expired."""
        certificate, key_path, request = (self.path(f"{name}.{e}") for e in ("crt", "key", "csr"))
        kind = ("-newkey", "rsa:2048") if key == "rsa" else \
            ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        self._run("req", *kind, "-nodes", "-keyout", key_path, "-out", request, "-subj", f"/CN={name}")
        extensions = self.path(f"{name}.ext")
        with open(extensions, "w", encoding="ascii") as file:
            file.write(f"subjectAltName={','.join(hosts)}\nbasicConstraints=CA:FALSE\n")
        if days < 0:
            self._issue_expired(request, certificate, extensions)
        else:
            self._run("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
                      "-CAcreateserial", "-out", certificate, "-days", str(days), "-extfile", extensions)
        return certificate, key_path

    def _issue_expired(self, request, certificate, extensions):
        """By `openssl ca`: its other commands take no date that is past, or no date at all, depending on the version."""
        settings = self.path("ca.cnf")
        with open(self.path("index.txt"), "w", encoding="ascii"), open(settings, "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=it\n[it]\ndatabase={self.path('index.txt')}\nnew_certs_dir={self.directory}\n"
                       "rand_serial=yes\ndefault_md=sha256\npolicy=names\n[names]\ncommonName=supplied\n")
        self._run("ca", "-batch", "-notext", "-config", settings, "-cert", self.certificate, "-keyfile", self.key,
                  "-in", request, "-out", certificate, "-extfile", extensions,
                  "-startdate", "20200101000000Z", "-enddate", "20200102000000Z")

    def client_context(self, **versions):
        """A client's context that trusts this authority alone. versions: minimum=, maximum=."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.certificate)
        return _bounded(context, **versions)

    @staticmethod
    def server_context(certificate, key, **versions):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return _bounded(context, **versions)


def _bounded(context, minimum=None, maximum=None):
    if minimum is not None:
        context.minimum_version = minimum
    if maximum is not None:
        context.maximum_version = maximum
    return context
