// Answers getImages over HTTP as the original's handler does, with Microsoft's client for blobs:
// the whole container is listed, page by page; one signature of the container is appended to each
// name as it is; everything is sorted by the number in the name. The benchmark compares with it.
//
// Arguments: the account's blob endpoint, its name, its key, the container. The first line on
// stdout is the port on 127.0.0.1.
import { createServer } from "node:http";
import {
  BlobServiceClient,
  ContainerSASPermissions,
  StorageSharedKeyCredential,
  generateBlobSASQueryParameters,
} from "@azure/storage-blob";

const [endpoint, account, key, containerName] = process.argv.slice(2);
const credential = new StorageSharedKeyCredential(account, key);
const service = new BlobServiceClient(endpoint, credential);
const container = service.getContainerClient(containerName);

function generateSASToken() {
  const terms = {
    containerName,
    permissions: ContainerSASPermissions.parse("rcw"),
    expiresOn: new Date(Date.now() + 30 * 60 * 1000),
  };
  return generateBlobSASQueryParameters(terms, credential).toString();
}

function timeIn(name) {
  return name.split("_").pop().toString().split(".").shift();
}

async function getImages() {
  const sasToken = generateSASToken();
  const imageUrls = [];
  for await (const blob of container.listBlobsFlat()) {
    imageUrls.push({ url: `${container.url}/${blob.name}?${sasToken}`, name: blob.name });
  }
  imageUrls.sort((one, other) => timeIn(other.name) - timeIn(one.name));
  return { imageUrls };
}

const server = createServer(async (_request, response) => {
  try {
    const body = JSON.stringify(await getImages());
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  } catch (error) {
    response.writeHead(500, { "content-type": "text/plain" }).end(String(error));
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
