// The page of `sgps serve`. What the user chose lies in the cards of the classes; the service only ever sees whole requests.

const byId = (id) => document.getElementById(id);
const MIB = 2 ** 20;
const MOST = 95 * MIB; // bytes of a request's files: the service takes 128 MiB, in which they are a third larger
const TOGETHER = 20; // pictures a request, so that answers come as they are made
const MOST_PICTURES = 200; // of a class; these three are the service's limits
const MOST_DESCRIPTIONS = 20;
const LONGEST = 2000;

async function ask(method, path, body) {
  const text = body && JSON.stringify(body);
  const headers = body ? { "Content-Type": "application/json" } : {};
  let answer, said;
  try {
    answer = await fetch(path, { method, headers, body: text });
    said = await answer.json();
  } catch {
    throw new Error("The service does not answer. Is sgps serve still running?");
  }
  if (!answer.ok) throw new Error([said.message, said.hint].filter(Boolean).join(" "));
  return said;
}

function forget(identity) {
  if (identity !== null) fetch(`/classifiers/${identity}`, { method: "DELETE" }).catch(() => {});
}

const sizeOf = (files) => files.reduce((sum, file) => sum + file.size, 0);

function refuseTooLarge(files) {
  const size = sizeOf(files);
  if (size > MOST) {
    throw new Error(`These files have ${Math.ceil(size / MIB)} MiB, and ${MOST / MIB} can be read at a time. Shrink them, or choose fewer.`);
  }
}

function asData(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => {
      const comma = reader.result.indexOf(",");
      resolve({ name: file.name, data: comma < 0 ? "" : reader.result.slice(comma + 1) });
    };
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
  const takeSome = (files) => files.length && take(files);
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // the same file may be chosen again
    takeSome(files);
  });
  label.addEventListener("dragover", (event) => {
    event.preventDefault();
    label.classList.add("over");
  });
  label.addEventListener("dragleave", () => label.classList.remove("over"));
  label.addEventListener("drop", (event) => {
    event.preventDefault();
    label.classList.remove("over");
    takeSome([...event.dataTransfer.files]);
  });
}

// Classes

const chosen = new Map(); // card of a class -> its files

function addClass() {
  const card = byId("class").content.firstElementChild.cloneNode(true);
  const files = [];
  chosen.set(card, files);
  const thumbs = card.querySelector(".thumbs");
  const drop = card.querySelector(".drop");
  acceptDrops(drop, (more) => {
    for (const file of more) {
      files.push(file);
      thumbs.append(thumb(file, (item) => {
        files.splice(files.indexOf(file), 1);
        const next = (item.nextElementSibling ?? item.previousElementSibling)?.querySelector("button");
        item.remove();
        (next ?? drop.querySelector("input")).focus();
        outdate();
      }));
    }
    outdate();
  });
  card.addEventListener("input", outdate);
  card.querySelector("input.name").addEventListener("input", nameCards);
  card.querySelector(".remove").addEventListener("click", () => {
    chosen.delete(card);
    card.remove();
    nameCards();
    byId("add").focus();
    outdate();
  });
  card.querySelector(".look-up").addEventListener("click", () => lookUp(card));
  byId("classes").append(card);
  nameCards();
  return card;
}

const nameOf = (card) => card.querySelector("input.name").value.trim();

function nameCards() {
  [...chosen.keys()].forEach((card, index) => {
    card.ariaLabel = `Class ${index + 1} ${nameOf(card)}`;
  });
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
  const name = nameOf(card);
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
    field.focus();
    tell(found, element("p", `From the catalogue: ${entry.name}, ${entry.modality}. Say it as your pictures show it.`));
    outdate();
  }
}

function descriptionsOf(card) {
  return card.querySelector(".descriptions").value.split("\n").map((line) => line.trim()).filter(Boolean);
}

/** What the cards hold, pictures still as files. */
function classesAsTyped() {
  const classes = [...chosen].map(([card, files]) => ({ name: nameOf(card), descriptions: descriptionsOf(card), files: [...files] }));
  classes.forEach(({ name, descriptions, files }, index) => {
    if (!name) throw new Error(`Class ${index + 1} has no name.`);
    if (files.length > MOST_PICTURES) throw new Error(`${name} has ${files.length} pictures, more than ${MOST_PICTURES}.`);
    if (descriptions.length > MOST_DESCRIPTIONS) throw new Error(`${name} has more than ${MOST_DESCRIPTIONS} descriptions, a line each.`);
    if (descriptions.some((text) => text.length > LONGEST)) throw new Error(`A description of ${name} has more than ${LONGEST} characters.`);
  });
  refuseTooLarge(classes.flatMap((one) => one.files));
  return classes;
}

// The classifier

let classifier = null; // the one that answers
let fromCards = false; // whether it was synthesized from what the cards held
let outdated = false; // whether they have changed since
let busy = false;

function outdate() {
  outdated = true;
  markOutdated();
}

function markOutdated() {
  const made = byId("made");
  if (classifier !== null && fromCards && outdated && !made.querySelector(".outdated")) {
    made.prepend(element("p", "The classes have changed since: synthesize again to take them in.", "outdated"));
  }
}

function synthesize() {
  return replaceClassifier("Synthesizing …", true, async () => {
    const typed = classesAsTyped();
    const classes = await Promise.all(typed.map(async ({ name, descriptions, files }) => ({
      name, descriptions, pictures: await Promise.all(files.map(asData)),
    })));
    return ask("POST", "/classifiers", { classes });
  });
}

function open(file) {
  return replaceClassifier(`Opening ${file.name} …`, false, async () => {
    refuseTooLarge([file]);
    return ask("POST", "/classifiers/saved", { archive: (await asData(file)).data });
  });
}

/** Put what `make` gives in place of the classifier; if it fails, the old one stays. */
async function replaceClassifier(meanwhile, isFromCards, make) {
  if (busy) return;
  setBusy(true);
  tell(byId("progress"), element("p", meanwhile));
  const wasOutdated = outdated;
  outdated = false; // what is typed from here on is not in the request
  try {
    const made = await make();
    forget(classifier);
    classifier = made.id;
    fromCards = isFromCards;
    tell(byId("progress"));
    tell(byId("answers"));
    tell(byId("said"));
    show(made);
    byId("asking").hidden = false;
    byId("legend").hidden = true;
  } catch (error) {
    outdated ||= wasOutdated;
    tell(byId("progress"), mistake(error));
  }
  markOutdated();
  setBusy(false);
}

function setBusy(is) {
  busy = is;
  byId("synthesize").ariaDisabled = String(is); // not `disabled`, which would take the focus away
  byId("saved").disabled = is;
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

let asking = Promise.resolve(); // one after the other, so that answers stand in the order of questions

function classify(files) {
  const asked = classifier;
  const line = element("p", `${files.length} pictures wait …`);
  byId("said").append(line);
  asking = asking.then(() => answer(asked, files, line));
}

async function answer(asked, files, line) {
  let done = 0;
  try {
    while (done < files.length) {
      if (asked !== classifier) return; // another has taken its place, and its answers are gone from the page
      line.textContent = `Classifying ${files.length} pictures, ${done} done …`;
      const batch = batchFrom(files, done);
      refuseTooLarge(batch);
      const pictures = await Promise.all(batch.map(asData));
      const answers = await ask("POST", `/classifiers/${asked}/predictions`, { pictures, explain: true });
      if (asked !== classifier) return;
      byId("answers").append(...answers.map(answerCard));
      byId("legend").hidden = false;
      done += answers.length;
    }
    line.remove();
  } catch (error) {
    line.textContent = `${error.message} ${files.length - done} of ${files.length} pictures were not classified.`;
    line.className = "mistake";
  }
}

/** The next pictures, as many as a request takes; one at least. */
function batchFrom(files, start) {
  let end = start + 1;
  while (end < files.length && end - start < TOGETHER && sizeOf(files.slice(start, end + 1)) <= MOST) end += 1;
  return files.slice(start, end);
}

function answerCard(answer) {
  const card = byId("answer").content.firstElementChild.cloneNode(true);
  const find = (selector) => card.querySelector(selector);
  card.ariaLabel = `${answer.picture}: ${answer.prediction}`;
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
