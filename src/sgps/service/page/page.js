// The page of `sgps serve`. What the user chose lies in the cards of the classes; the service only ever sees whole requests.

const byId = (id) => document.getElementById(id);
const TOGETHER = 20; // pictures a request, so that answers come as they are made

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Error("The service does not answer. Is sgps serve still running?");
  }
  const said = await answer.json();
  if (!answer.ok) throw new Error([said.message, said.hint].filter(Boolean).join(" "));
  return said;
}

function asData(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({ name: file.name, data: reader.result.slice(reader.result.indexOf(",") + 1) });
    reader.onerror = () => reject(new Error(`${file.name} cannot be read from the disk.`));
    reader.readAsDataURL(file);
  });
}

function element(kind, text, name) {
  const made = document.createElement(kind);
  if (text) made.textContent = text;
  if (name) made.className = name;
  return made;
}

function tell(place, ...lines) {
  place.replaceChildren(...lines);
}

function mistake(error) {
  return element("p", error.message, "mistake");
}

function acceptDrops(label, take) {
  const input = label.querySelector("input");
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = ""; // the same file may be chosen again
  });
  label.addEventListener("dragover", (event) => {
    event.preventDefault();
    label.classList.add("over");
  });
  label.addEventListener("dragleave", () => label.classList.remove("over"));
  label.addEventListener("drop", (event) => {
    event.preventDefault();
    label.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
}

// Classes

const chosen = new Map(); // card of a class -> its files

function addClass() {
  const card = byId("class").content.firstElementChild.cloneNode(true);
  const files = [];
  chosen.set(card, files);
  const thumbs = card.querySelector(".thumbs");
  acceptDrops(card.querySelector(".drop"), (more) => {
    for (const file of more) {
      files.push(file);
      thumbs.append(thumb(file, (item) => {
        files.splice(files.indexOf(file), 1);
        item.remove();
        outdate();
      }));
    }
    outdate();
  });
  card.addEventListener("input", outdate);
  card.querySelector(".remove").addEventListener("click", () => {
    chosen.delete(card);
    card.remove();
    outdate();
  });
  card.querySelector(".look-up").addEventListener("click", () => lookUp(card));
  byId("classes").append(card);
  return card;
}

function thumb(file, remove) {
  const item = element("li");
  const image = element("img");
  const address = URL.createObjectURL(file);
  image.alt = file.name;
  image.title = file.name;
  image.onload = image.onerror = () => URL.revokeObjectURL(address);
  image.src = address;
  const button = element("button", "×", "away");
  button.type = "button";
  button.ariaLabel = `Remove ${file.name}`;
  button.addEventListener("click", () => remove(item));
  item.append(image, button);
  return item;
}

async function lookUp(card) {
  const found = card.querySelector(".found");
  const name = card.querySelector("input.name").value.trim();
  if (!name) return tell(found, element("p", "Type a name first.", "mistake"));
  try {
    const entries = await ask("GET", `/conditions?name=${encodeURIComponent(name)}`);
    if (!entries.length) return tell(found, element("p", `The catalogue has no entry "${name}".`));
    if (entries.length === 1) return take(entries[0]);
    const buttons = entries.map((entry) => {
      const button = element("button", `${entry.name}, ${entry.modality}`);
      button.type = "button";
      button.addEventListener("click", () => take(entry));
      return button;
    });
    tell(found, element("p", "Which one do the pictures show?"), ...buttons);
  } catch (error) {
    tell(found, mistake(error));
  }
  function take(entry) {
    const field = card.querySelector(".descriptions");
    field.value = [...new Set([...descriptionsOf(card), ...entry.descriptions])].join("\n");
    tell(found, element("p", `From the catalogue: ${entry.name}, ${entry.modality}. Say it as your pictures show it.`));
    outdate();
  }
}

function descriptionsOf(card) {
  return card.querySelector(".descriptions").value.split("\n").map((line) => line.trim()).filter(Boolean);
}

// The classifier

let classifier = null;

function outdate() {
  if (classifier === null || byId("made").querySelector(".outdated")) return;
  byId("made").prepend(element("p", "The classes have changed since: synthesize again to take them in.", "outdated"));
}

async function synthesize() {
  await replaceClassifier("Synthesizing …", async () => {
    const classes = await Promise.all([...chosen].map(async ([card, files]) => ({
      name: card.querySelector("input.name").value,
      descriptions: descriptionsOf(card),
      pictures: await Promise.all(files.map(asData)),
    })));
    const unnamed = classes.findIndex((one) => !one.name.trim());
    if (unnamed >= 0) throw new Error(`Class ${unnamed + 1} has no name.`);
    return ask("POST", "/classifiers", { classes });
  });
}

async function open(file) {
  await replaceClassifier(`Opening ${file.name} …`, async () =>
    ask("POST", "/classifiers/saved", { archive: (await asData(file)).data }));
}

async function replaceClassifier(meanwhile, make) {
  const button = byId("synthesize");
  button.disabled = true;
  tell(byId("made"), element("p", meanwhile));
  if (classifier !== null) fetch(`/classifiers/${classifier}`, { method: "DELETE" });
  classifier = null;
  tell(byId("answers"));
  tell(byId("said"));
  byId("legend").hidden = true;
  try {
    const made = await make();
    classifier = made.id;
    show(made);
  } catch (error) {
    tell(byId("made"), mistake(error));
  }
  byId("asking").hidden = classifier === null;
  button.disabled = false;
}

function show(made) {
  const shots = Object.entries(made.shots).map(([name, count]) => `${name} ${count}`).join(", ");
  const link = element("a", "Download the classifier (zip)", "main");
  link.href = `/classifiers/${made.id}.zip`;
  link.download = "classifier.zip";
  const told = element("ul");
  for (const line of made.known) told.append(element("li", `Known by its description: ${line}`));
  for (const line of made.heard) told.append(element("li", `Heard in the description of ${line}`));
  tell(
    byId("made"),
    element("p", made.seconds === null
      ? `Opened: synthesized by engine ${made.engine} from ${shots}.`
      : `Synthesized in ${made.seconds.toFixed(1)} s from ${shots}.`),
    ...(made.doubt ? [element("p", `Warning: ${made.doubt}.`, "mistake")] : []),
    told,
    link,
    element("p", "The zip holds a folder for sgps predict, timm and ONNX export; its README.md says how. No picture is in it.", "soft"),
  );
}

// Answers

async function classify(files) {
  const asked = classifier;
  let done = 0;
  try {
    for (let start = 0; start < files.length; start += TOGETHER) {
      tell(byId("said"), element("p", `Classifying ${files.length} pictures, ${done} done …`));
      const pictures = await Promise.all(files.slice(start, start + TOGETHER).map(asData));
      const answers = await ask("POST", `/classifiers/${asked}/predictions`, { pictures, explain: true });
      if (asked !== classifier) return;
      byId("answers").append(...answers.map(answerCard));
      byId("legend").hidden = false;
      done += answers.length;
    }
    tell(byId("said"));
  } catch (error) {
    tell(byId("said"), mistake(error));
  }
}

function answerCard(answer) {
  const card = byId("answer").content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  find(".seen").src = `data:image/png;base64,${answer.seen}`;
  find(".seen").alt = `${answer.picture} as the network saw it`;
  find(".evidence").src = `data:image/png;base64,${answer.evidence}`;
  find(".evidence").alt = `The same with the places highlighted that spoke for ${answer.prediction}`;
  find(".picture-name").textContent = answer.picture;
  find(".verdict b").textContent = answer.prediction;
  find(".strange").hidden = !answer.atypical;
  card.classList.toggle("atypical", answer.atypical);
  const ranked = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
  for (const [name, probability] of ranked) {
    const row = element("tr", "", name === answer.prediction ? "best" : "");
    const head = element("th", name, "name");
    head.scope = "row";
    const bar = element("span", "", "bar");
    bar.style.width = `${(100 * probability).toFixed(1)}%`;
    head.append(bar);
    row.append(head, element("td", `${Math.round(100 * probability)}%`));
    find("tbody").append(row);
  }
  return card;
}

addClass();
addClass();
byId("add").addEventListener("click", () => addClass().querySelector("input").focus());
byId("synthesize").addEventListener("click", synthesize);
byId("saved").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = "";
  if (file) open(file);
});
acceptDrops(byId("asked").closest("label"), classify);
// A picture that misses its place must not be opened in place of this page.
for (const event of ["dragover", "drop"]) document.addEventListener(event, (missed) => missed.preventDefault());
ask("GET", "/version").then((told) => {
  byId("engine").textContent = `Engine ${told.engine}, sgps ${told.sgps}.`;
}, () => {});
