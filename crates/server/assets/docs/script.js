"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  // Text only ever becomes text: nothing of the document is read as markup.
  const make = (name, text, attributes = {}) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  const put = (parent, ...children) => { parent.append(...children); return parent; };

  const nameOf = (schema) => {
    if (!schema) return "";
    if (schema.$ref) return schema.$ref.split("/").pop();
    if (schema.oneOf) return schema.oneOf.map(nameOf).join(" or ");
    if (schema.type === "array" || (Array.isArray(schema.type) && schema.type.includes("array"))) return `list of ${nameOf(schema.items)}`;
    const type = [].concat(schema.type || "any").join(" or ");
    return schema.format ? `${type} (${schema.format})` : type;
  };

  const table = (caption, heads, rows) => {
    const body = put(make("table"), make("caption", caption, { class: "soft" }));
    put(body, put(make("thead"), put(make("tr"), ...heads.map((head) => make("th", head, { scope: "col" })))));
    const lines = rows.map((row) => put(make("tr"), ...row.map((cell) => put(make("td"), cell))));
    return put(body, put(make("tbody"), ...lines));
  };

  const link = (schema) => {
    const name = nameOf(schema);
    const target = (schema && schema.$ref) || (schema && schema.items && schema.items.$ref);
    return target ? make("a", name, { href: `#schema-${target.split("/").pop()}` }) : document.createTextNode(name);
  };

  const content = (part) => {
    const [media, body] = Object.entries((part && part.content) || {})[0] || [];
    return media ? put(make("span"), link(body.schema), make("span", ` ${media}`, { class: "soft" })) : document.createTextNode("");
  };

  const operation = (path, verb, op) => {
    const id = `op-${op.operationId}`;
    const card = make("article", "", { id, tabindex: "-1", "aria-labelledby": `${id}-name` });
    const name = put(make("h3", "", { id: `${id}-name` }), make("span", `${verb.toUpperCase()} `, { class: "verb" }), path);
    put(card, name, make("p", op.summary), make("p", op.description, { class: "soft" }));
    if (op.parameters) {
      const rows = op.parameters.map((p) => [p.name, p.in, p.required ? "yes" : "no", p.description || ""]);
      put(card, table("Parameters", ["name", "in", "needed", "meaning"], rows));
    }
    if (op.requestBody) put(card, put(make("p", "Body: "), content(op.requestBody)));
    const rows = Object.entries(op.responses).map(([status, answer]) => [status, answer.description, content(answer)]);
    put(card, put(make("details"), make("summary", "Answers"), table("Answers", ["status", "meaning", "body"], rows)));
    return { card, id, text: `${verb} ${path} ${op.summary} ${op.description}`.toLowerCase(), label: `${verb.toUpperCase()} ${path}` };
  };

  const schema = (name, value) => {
    const card = make("article", "", { id: `schema-${name}`, tabindex: "-1" });
    put(card, make("h3", name), make("p", value.description || ""));
    const needed = value.required || [];
    const rows = Object.entries(value.properties || {}).map(([key, member]) =>
      [key, link(member), needed.includes(key) ? "yes" : "no", member.description || ""]);
    if (rows.length) put(card, table("Members", ["name", "type", "always there", "meaning"], rows));
    return card;
  };

  const show = (doc) => {
    byId("title").textContent = `${doc.info.title} ${doc.info.version}`;
    byId("about").textContent = doc.info.description;
    const main = byId("content");
    const index = byId("index");
    const all = [];
    for (const tag of doc.tags) {
      const section = put(make("section", "", { "aria-labelledby": `tag-${tag.name}` }), make("h2", tag.name, { id: `tag-${tag.name}` }), make("p", tag.description));
      for (const [path, item] of Object.entries(doc.paths)) {
        for (const [verb, op] of Object.entries(item)) {
          if (!op.tags || !op.tags.includes(tag.name)) continue;
          const made = operation(path, verb, op);
          made.entry = put(make("li"), make("a", made.label, { href: `#${made.id}` }));
          made.section = section;
          put(section, made.card);
          put(index, made.entry);
          all.push(made);
        }
      }
      put(main, section);
    }
    put(main, put(make("section", "", { "aria-labelledby": "schemas" }), make("h2", "Schemas", { id: "schemas" }),
      ...Object.entries(doc.components.schemas).map(([name, value]) => schema(name, value))));
    const filter = () => {
      const wanted = byId("filter").value.trim().toLowerCase();
      let shown = 0;
      for (const made of all) {
        const fits = made.text.includes(wanted);
        made.card.hidden = made.entry.hidden = !fits;
        shown += fits ? 1 : 0;
      }
      for (const section of new Set(all.map((made) => made.section)))
        section.hidden = all.every((made) => made.section !== section || made.card.hidden);
      byId("count").textContent = `${shown} of ${all.length} routes`;
    };
    byId("filter").addEventListener("input", filter);
    filter();
    if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  };

  fetch("/api/v1/openapi.json", { headers: { accept: "application/json" } })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`status ${answer.status}`))))
    .then(show)
    .catch((error) => { byId("about").textContent = `The document could not be read: ${error.message}`; });
})();
