// Makes an image, lists it and deletes it, by types that openapi-typescript has generated from the
// service's own description (description.d.mts). What the types do not allow does not compile.
//
// Arguments: the description's server, the service's API_KEY. Prints the image's id.
import createClient from "openapi-fetch";
import type { paths } from "./description.mjs";

declare const process: { argv: string[] };

const [, , baseUrl, apiKey] = process.argv;
// JSON alone, of images and of problems: generateImage has text and events too.
const client = createClient<paths, `application/${string}json`>({
  baseUrl,
  headers: { "X-Api-Key": apiKey, Accept: "application/json" },
});

// A caller without the key gets a problem document.
const refused = await client.GET("/getImages", { headers: { "X-Api-Key": null } });
check(refused.response.status === 401 && refused.error?.code === "unauthorized", refused.error);

// The prompt is all that a request needs; optional words may be null.
await make({ prompt: "a red fox" });
const id = await make({ prompt: "a lighthouse", size: "64x64", seed: 7, style: null });

// @ts-expect-error: the description says which words there are
void (() => make({ prompt: "a red fox", response_format: "png" }));

const listed = await client.GET("/getImages", { params: { query: { limit: 1 } } });
check(listed.data?.imageUrls[0].id === id, listed);

const path = { id };
const removed = await client.DELETE("/images/{id}", { params: { path } });
check(removed.response.status === 204, removed.error);
const gone = await client.GET("/images/{id}", { params: { path } });
check(gone.error?.code === "not_found" && gone.error.detail === gone.error.error, gone.error);
console.log(id);

type Body = NonNullable<paths["/generateImage"]["post"]["requestBody"]>["content"]["application/json"];

async function make(body: Body): Promise<string> {
  const { data, error } = await client.POST("/generateImage", { body });
  // The other answer is that of `Prefer: respond-async`.
  if (data === undefined || !("imageList" in data)) {
    throw new Error(`no images: ${JSON.stringify(error ?? data)}`);
  }
  return data.imageList![0].id;
}

function check(holds: boolean, seen: unknown): asserts holds {
  if (!holds) {
    throw new Error(`not as described: ${JSON.stringify(seen)}`);
  }
}
