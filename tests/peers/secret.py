"""What people write today to read one secret as a managed identity: secret.py NAME.

The calls are those of the published guide; the vault and the identity come by KEY_VAULT_URL and
AZURE_CLIENT_ID. It is a peer for benchmarks, so it stays as it is when ours gets better.
"""

import os
import sys

from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

credential = ManagedIdentityCredential(client_id=os.environ["AZURE_CLIENT_ID"])
client = SecretClient(
    vault_url=os.environ["KEY_VAULT_URL"],
    credential=credential,
    # The vault answers on localhost here, which is no host of the vault's domain.
    verify_challenge_resource=False,
)
print(client.get_secret(sys.argv[1]).value)
