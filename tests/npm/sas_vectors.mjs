// Signs the cases that come on stdin (a JSON array) with Microsoft's own client, and prints the
// tokens as a JSON array in the same order: known answers for the Rust signer.
//
// A case: {kind: "blob" | "container" | "account", account, key, container?, blob?, permissions,
// startsOn, expiresOn (ISO 8601), protocol: "https" | "https,http", version,
// services?, resourceTypes? (account only), userDelegationKey? (blob and container; then no key):
// {signedObjectId, signedTenantId, signedStartsOn, signedExpiresOn, signedService, signedVersion,
// value}}.
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  BlobSASPermissions,
  ContainerSASPermissions,
  StorageSharedKeyCredential,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";

// The arguments behind the values: an account's key, or a user delegation key and its account.
function signer(vector) {
  const delegated = vector.userDelegationKey;
  if (delegated === undefined) {
    return [new StorageSharedKeyCredential(vector.account, vector.key)];
  }
  const key = {
    ...delegated,
    signedStartsOn: new Date(delegated.signedStartsOn),
    signedExpiresOn: new Date(delegated.signedExpiresOn),
  };
  return [key, vector.account];
}

function sign(vector) {
  const signedBy = signer(vector);
  const shared = {
    startsOn: new Date(vector.startsOn),
    expiresOn: new Date(vector.expiresOn),
    protocol: vector.protocol,
    version: vector.version,
  };
  switch (vector.kind) {
    case "blob":
      return generateBlobSASQueryParameters(
        {
          ...shared,
          containerName: vector.container,
          blobName: vector.blob,
          permissions: BlobSASPermissions.parse(vector.permissions),
        },
        ...signedBy,
      );
    case "container":
      return generateBlobSASQueryParameters(
        {
          ...shared,
          containerName: vector.container,
          permissions: ContainerSASPermissions.parse(vector.permissions),
        },
        ...signedBy,
      );
    case "account":
      return generateAccountSASQueryParameters(
        {
          ...shared,
          services: AccountSASServices.parse(vector.services).toString(),
          resourceTypes: AccountSASResourceTypes.parse(vector.resourceTypes).toString(),
          permissions: AccountSASPermissions.parse(vector.permissions),
        },
        ...signedBy,
      );
    default:
      throw new Error(`kind must be blob, container or account, not ${vector.kind}`);
  }
}

const input = [];
for await (const chunk of process.stdin) {
  input.push(chunk);
}
const vectors = JSON.parse(Buffer.concat(input).toString("utf8"));
process.stdout.write(JSON.stringify(vectors.map((vector) => sign(vector).toString())));
