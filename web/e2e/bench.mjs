// @ts-check
// What every step needs: a page that reports what it should not do, checks that go on after a failure, and verbs of the viewer.

import { join } from "node:path";

/** Software rendering on a busy machine is slow. */
const PATIENCE_MS = 240_000;

/** @typedef {import("playwright-core").Page} Page */

export class Bench {
  /** @param {{ browser: import("playwright-core").Browser, url: string, files: ReturnType<typeof import("./server.mjs").inputs>, out: string, name: string }} given */
  constructor(given) {
    this.browser = given.browser;
    this.url = given.url;
    this.files = given.files;
    this.out = given.out;
    this.name = given.name;
    this.checked = 0;
    /** @type {string[]} */
    this.failures = [];
    /** @type {import("playwright-core").BrowserContext[]} */
    this.contexts = [];
  }

  /** @param {string} what */
  fail(what) {
    this.failures.push(what);
  }

  /** @param {unknown} holds @param {string} what */
  check(holds, what) {
    this.checked += 1;
    if (!holds) this.fail(what);
  }

  /** A page of its own; whatever leaves the origin or fails in it is a failure. @param {{ width: number, height: number }} viewport */
  async page(viewport = { width: 1000, height: 640 }) {
    const context = await this.browser.newContext({ viewport, acceptDownloads: true, reducedMotion: "reduce" });
    context.setDefaultTimeout(PATIENCE_MS);
    this.contexts.push(context);
    const page = await context.newPage();
    const origin = new URL(this.url).origin;
    page.on("request", (r) => {
      const { protocol } = new URL(r.url());
      const own = r.url().startsWith(`${origin}/`) || protocol === "blob:" || protocol === "data:";
      if (!own) this.fail(`a request left the origin: ${r.url().slice(0, 120)}`);
    });
    page.on("pageerror", (e) => this.fail(`the page failed: ${e.stack ?? e.message}`));
    page.on("console", (m) => {
      // A refused request that a step provokes is logged by the browser itself.
      if (m.type() === "error" && !/Failed to load resource/.test(m.text())) this.fail(`the console says: ${m.text().slice(0, 300)}`);
    });
    page.on("dialog", (d) => void d.accept());
    await page.goto(this.url);
    return page;
  }

  /** Sends a file and waits until its picture is shown in one plane. @param {Page} page @param {string | string[]} file several are one study @param {string | null} view */
  async open(page, file, view = "axial") {
    await page.setInputFiles("input[data-role=files]", file);
    await page.waitForSelector("#standing");
    if (view !== null) await this.view(page, view);
  }

  /** @param {Page} page @param {string} view */
  async view(page, view) {
    const button = page.locator(`button[data-view=${view}]`);
    if (await button.isVisible()) await button.click();
    await this.settle(page);
  }

  /** Until what was asked for is drawn. @param {Page} page */
  async settle(page) {
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null)))));
  }

  /** @param {Page} page @param {string} name @param {boolean} fullPage */
  async shot(page, name, fullPage = false) {
    await page.screenshot({ path: join(this.out, `${name}.png`), fullPage, timeout: PATIENCE_MS, animations: "disabled" });
  }

  /** The answer of the server to the page's own address. @param {Page} page @param {string} path */
  async json(page, path) {
    return page.evaluate(async (p) => (await fetch(p)).json(), path);
  }

  /** The open job. @param {Page} page */
  async job(page) {
    return page.evaluate(() => location.hash.slice(1).split("/")[0] ?? "");
  }

  async close() {
    for (const context of this.contexts) await context.close();
  }
}
