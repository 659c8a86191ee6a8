// Finds the browsers and the broker that tests need, or installs Debian's where that is possible, or fails with the remedy.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const programs = {
  chromium: {
    title: 'Chromium or Chrome',
    variable: 'MILLRACE_CHROMIUM',
    packages: ['chromium'],
    candidates: [
      '/usr/bin/chromium',
      '/usr/bin/chromium-browser',
      '/usr/bin/google-chrome',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
  },
  firefox: {
    title: 'Firefox',
    variable: 'MILLRACE_FIREFOX',
    packages: ['firefox-esr'],
    candidates: ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'],
  },
  // WebKitGTK is driven by its own WebDriver, on a display of its own.
  webkit: {
    title: "WebKitGTK's WebKitWebDriver with xvfb",
    variable: 'MILLRACE_WEBKIT',
    packages: ['webkit2gtk-driver', 'xvfb', 'xauth'],
    candidates: ['/usr/bin/WebKitWebDriver'],
  },
  mosquitto: {
    title: 'the MQTT broker mosquitto',
    variable: 'MILLRACE_MOSQUITTO',
    packages: ['mosquitto'],
    candidates: ['/usr/sbin/mosquitto', '/usr/bin/mosquitto', '/opt/homebrew/sbin/mosquitto'],
  },
}

/** Path of a program, installed if need be. @param name - chromium, firefox, webkit or mosquitto. @throws Error that names the remedy. */
export function findProgram(name) {
  const { title, variable, packages, candidates } = programs[name]
  const named = process.env[variable]
  if (named !== undefined) {
    if (existsSync(named)) return named
    throw new Error(`${variable} names ${named}, which does not exist`)
  }
  const found = candidates.find((path) => existsSync(path))
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0) {
    console.log(`No ${title} found: installing ${packages.join(', ')} of this system (apt-get) for the tests`)
    execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' })
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    if (existsSync(candidates[0])) return candidates[0]
  }
  throw new Error(`The tests need ${title}: install it (Debian: apt-get install ${packages.join(' ')}) or set ${variable} to its path`)
}
