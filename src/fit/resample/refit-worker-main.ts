/** @file The program of a thread that takes its part of a bootstrap's refits. */
import { workerData } from 'node:worker_threads';
import { type Share, work } from './shared-refits.ts';

work(workerData as Share);
