//! From an applied batch to the memtables, by way of the buffers.

use engine::keyspace::keyspace_of;
use engine::{Applied, EngineError, GroupId, Mark, check};

use crate::mark::StoredMark;
use crate::shared::{Shared, Space};
use crate::store::{Batch, key_of};
use crate::visible::{Live, Sound, Visible};

impl Shared {
    /// Makes changes visible, all of them or none. Yields the groups whose buffers are full now.
    pub(crate) fn gather(
        &self,
        _: &mut Space,
        batch: Vec<(GroupId, Applied)>,
    ) -> Result<Vec<GroupId>, EngineError> {
        let visible = self.visible();
        for (group, applied) in &batch {
            let mark = visible.sound(*group)?.map(|sound| &sound.mark);
            check::applied(*group, applied, mark);
        }
        drop(visible);
        // Only a reader can have changed it: it may have found damage.
        let mut visible = self.visible_mut();
        for (group, _) in &batch {
            visible.sound(*group)?;
        }
        let most = self.options.buffer_bytes(visible.groups.len());
        let mut full = Vec::new();
        for (group, Applied { changes, applied, detail }) in batch {
            let sound = self.sound_or_new(&mut visible, group);
            sound.mark = Mark { applied, detail, ..sound.mark };
            sound.buffer.gather(changes);
            if sound.buffer.bytes() >= most {
                full.push(group);
            }
        }
        Ok(full)
    }

    /// A group of which it is known that it is not damaged.
    fn sound_or_new<'a>(&self, visible: &'a mut Visible, group: GroupId) -> &'a mut Sound {
        let new =
            || Live::sound(Mark { generation: self.begin_generation(), ..Mark::default() }, 0);
        match visible.groups.entry(group).or_insert_with(new) {
            Live::Sound(sound) => sound,
            Live::Damaged { .. } => unreachable!("group {group} was looked at a moment ago"),
        }
    }

    /// Writes what the buffers of these groups hold to the memtables.
    pub(crate) fn pour(&self, writer: &mut Space, groups: &[GroupId]) -> Result<(), EngineError> {
        let mut batch = writer.batch();
        let visible = self.visible();
        for group in groups {
            if let Some(Live::Sound(sound)) = visible.groups.get(group) {
                sound.pour(*group, &mut batch);
            }
        }
        drop(visible);
        if batch.is_empty() {
            writer.spare = batch;
            return Ok(());
        }
        // Readers do not wait until they are dropped.
        let mut poured = Vec::with_capacity(groups.len());
        self.commit(writer, batch, |visible| {
            for group in groups {
                if let Some(Live::Sound(sound)) = visible.get_mut(group) {
                    poured.push(std::mem::take(&mut sound.buffer));
                }
            }
        })
    }

    /// Writes all there is to the memtables. Yields the marks of all sound groups: they are written.
    pub(crate) fn pour_all(&self) -> Result<Vec<(GroupId, Mark)>, EngineError> {
        let mut writer = self.writer(0, true)?;
        let visible = self.visible();
        let sound = visible.groups.iter().filter_map(|(group, live)| match live {
            Live::Sound(sound) => Some((*group, sound.mark.clone())),
            Live::Damaged { .. } => None,
        });
        let marks: Vec<_> = sound.collect();
        drop(visible);
        let groups: Vec<GroupId> = marks.iter().map(|(group, _)| *group).collect();
        self.pour(&mut writer, &groups)?;
        Ok(marks)
    }
}

impl Sound {
    fn pour(&self, group: GroupId, batch: &mut Batch) {
        if !self.buffer.is_fresh() {
            return;
        }
        for (key, value) in self.buffer.rows() {
            let row = key_of(self.mark.generation, key);
            batch.set(keyspace_of(key), row, value.map(|it| &it[..]));
        }
        batch.mark(&StoredMark { group, mark: self.mark.clone(), durable: self.durable });
    }
}
