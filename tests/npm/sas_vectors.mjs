// Signs the cases that come on stdin (a JSON array) with Microsoft's own client, and prints the
// tokens as a JSON array in the same order: known answers for the Rust signer.
//
// A case: {kind: "blob" | "container" | "account", account, key, container?, blob?, permissions,
// startsOn, expiresOn (ISO 8601), protocol: "https" | "https,http", version,
// services?, resourceTypes? (account only)}.
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

function sign(vector) {
  const credential = new StorageSharedKeyCredential(vector.account, vector.key);
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
        credential,
      );
    case "container":
      return generateBlobSASQueryParameters(
        {
          ...shared,
          containerName: vector.container,
          permissions: ContainerSASPermissions.parse(vector.permissions),
        },
        credential,
      );
    case "account":
      return generateAccountSASQueryParameters(
        {
          ...shared,
          services: AccountSASServices.parse(vector.services).toString(),
          resourceTypes: AccountSASResourceTypes.parse(vector.resourceTypes).toString(),
          permissions: AccountSASPermissions.parse(vector.permissions),
        },
        credential,
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
