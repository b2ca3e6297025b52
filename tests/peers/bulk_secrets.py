"""What people write today to read many secrets quickly: bulk_secrets.py FILE, a name on each line.

One client, whose connections and token all threads share, and sixteen threads; the values are
printed in the order of the names. KEY_VAULT_URL and AZURE_CLIENT_ID are those of `secret.py`. It is
a peer for benchmarks, so it stays as it is when ours gets better.
"""

import os
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor

from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

names = pathlib.Path(sys.argv[1]).read_text().split()
client = SecretClient(
    vault_url=os.environ["KEY_VAULT_URL"],
    credential=ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"]),
    # The vault answers on localhost here, which is no host of the vault's domain.
    verify_challenge_resource=False,
)
with ThreadPoolExecutor(16) as pool:
    for secret in pool.map(client.get_secret, names):
        print(secret.value)
