import { journalContract } from '../contract/journal.ts';
import { bucketPlace, folderPlace } from './places.ts';

journalContract({ name: 'a folder', place: async () => folderPlace() });
journalContract({ name: 'a bucket', place: bucketPlace });
