// Shows the schema that the page names. Credentials are forgotten with the page: it keeps nothing.
"use strict";

const place = document.getElementById("swagger-ui");

SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: false, // it would take the addresses of the kinds of problems for its own
  onComplete: () => document.querySelector(":target")?.scrollIntoView(),
  tryItOutEnabled: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
