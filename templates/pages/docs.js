"use strict";

SwaggerUIBundle({
  url: document.getElementById("docs").dataset.openapi,
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  // A token that is pasted here is forgotten with the page.
  persistAuthorization: false,
  // The default sends the address of the document to a third party.
  validatorUrl: null,
});
