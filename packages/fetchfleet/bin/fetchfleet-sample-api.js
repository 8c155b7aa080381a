#!/usr/bin/env node
import { start } from './start.js';

await start('sample-api', 'fetchfleet-sample-api');
